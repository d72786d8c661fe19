"""Small networks on one machine: real nodes, real sockets, real homes, and nothing left behind.

`plan` says who there is, `nodes` runs one, `town` runs all, `bots` ask, `command` and `demo` are
what the command line calls.
"""
