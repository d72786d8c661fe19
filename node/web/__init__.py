"""The person's page: the same node, for people with a browser.

Every page is complete without script; scripts only make it quicker to read.
"""
