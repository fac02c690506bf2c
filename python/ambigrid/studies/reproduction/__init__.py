"""What a reproduction is made of: recipes of runs, claims about them, and how they are judged."""
