"""Events in, actions out: the order of things, never their meaning."""
