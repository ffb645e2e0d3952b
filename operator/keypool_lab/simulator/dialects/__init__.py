"""The four dialects in which the keys of one account are accepted: their paths, shapes, events and errors."""
