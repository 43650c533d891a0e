"""Reading: grey pictures → candidates → digits → results."""
