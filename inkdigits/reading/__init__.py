"""Reading: any picture → grey → marks → digits → results."""
