"""Who is on call, whom to page next, did they answer."""
