"""Values people trade in: money, quantities, places, categories and attributes.

Enters: text a person or a feed wrote, or plain values from a decoded object. Leaves: exact values
(integers and decimal strings, never floats on the wire) or a refusal that names the next step.
Vocabularies are handed in as JSON text; nothing in this room opens a file.
"""
