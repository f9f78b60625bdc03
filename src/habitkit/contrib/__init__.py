"""Integrations with other products, one module each. Nothing else in habitkit imports them."""
