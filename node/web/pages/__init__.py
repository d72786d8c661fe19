"""One page per room: each asks the handle, and gives a template what it shows."""
