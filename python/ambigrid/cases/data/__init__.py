"""Small tables of published figures; sources and licences in ``README.md`` beside them."""
