"""The pure middle, and the loop around it."""
