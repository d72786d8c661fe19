"""Backups of a home: one encrypted file that holds everything but the keys, made, proved, restored.

Enters: an open database and a home's files, or such a file and the 24 words. Leaves: a file whole
or none, a report of what is in one, a home whole or none. Never: a key in a backup, a byte used
before it was authenticated.
"""
