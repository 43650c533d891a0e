"""Forms and grids: fields at known places, each with what is known of its content."""
