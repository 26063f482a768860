"""The target `terraform-statuspage`: the components of each status page, for those who publish with Statuspage."""

from __future__ import annotations

from sereno.compiler.targets import Output, Request
from sereno.compiler.terraform import Block, document, labels, reference, secret, text
from sereno.compiler.text import Value
from sereno.spec.model import StatusPage

_PATH = "terraform/statuspage/sereno.tf.json"


def terraform_statuspage(request: Request) -> Output:
    """The components of each status page as Terraform JSON for Statuspage; what they show is not touched."""
    pages = [request.spec.status_pages[name] for name in sorted(request.spec.status_pages)]
    pages = [page for page in pages if page.components]
    if not pages:
        return Output({}, ("no `status_page` with components is declared: nothing to write for Statuspage",))
    page_labels = labels(page.name for page in pages)
    named = labels(_key(page, part.name) for page in pages for part in page.components)
    variables: dict[str, Value] = {
        f"page_{page_labels[page.name]}": {
            "type": "string", "description": text(f"Statuspage's own name for the page {page.title or page.name}"),
        }
        for page in pages
    }  # fmt: skip
    components: dict[str, Value] = {
        named[_key(page, part.name)]: _component(f"page_{page_labels[page.name]}", part.name, part.description)
        for page in pages
        for part in page.components
    }
    parts: dict[str, Value] = {
        "terraform": {
            "required_version": ">= 1.0",
            "required_providers": {"statuspage": {"source": "yannh/statuspage", "version": "~> 0.1.10"}},
        },
        "variable": {"statuspage_token": secret("The API key of the Statuspage account"), **variables},
        "provider": {"statuspage": {"token": reference("var.statuspage_token")}},
        "resource": {"statuspage_component": components},
    }
    return Output({_PATH: document(parts)})


def _key(page: StatusPage, component: str) -> str:
    return f"{page.name}-{component}"


def _component(page: str, name: str, description: str) -> Block:
    written: dict[str, Value] = {"page_id": reference(f"var.{page}"), "name": text(name)}
    if description:
        written["description"] = text(description)
    # People and incidents say how a component is; a plan must not call it well again.
    return {**written, "showcase": True, "lifecycle": {"ignore_changes": ["status"]}}
