"""What a team declares: the models, and the YAML loader that says file:line:column of every mistake."""
