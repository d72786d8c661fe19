"""The command line: a person's words in, sentences, tables and documents out.

Knows people and the local API. Data goes to stdout, talk to stderr; every error is one sentence
with a code and the next thing to type. Exit codes exist only here. Never: a traceback.
"""
