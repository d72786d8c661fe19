"""Many connections: which nodes exist, whom to dial, what to believe, keep and pass on.

Pure machines with their state in memory; it may be lost and is then rebuilt from the store and the
peers. Enters: events and the moment they happened. Leaves: actions, none of which has happened yet.
"""
