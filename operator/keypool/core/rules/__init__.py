"""The rules of the planner: one named function each, pure, with its reason in plain words."""
