"""reformulations."""
