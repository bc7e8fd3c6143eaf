"""What a person sees of a run: the only room that knows whether someone is looking."""
