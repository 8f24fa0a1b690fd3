"""Accepted work is on disk before it is acked, and is done even if this process dies.

================  ===========================================================================
``journal``       what every journal promises; ``bulletin`` calls who listens
``runner``        does the work with the handlers that are registered, and renews its lease
                  while they are at their ``steps``
``housekeeping``  a handler that deletes what was done long ago
``memory``        the journal that ends with the process
``database``      opens the one that does not: ``sql`` on the tables of ``schema``, made by
                  ``migrations``; ``statements`` bounds each, ``intake`` gathers what is handed
                  in at once; ``postgres`` adds a word to replicas
================  ===========================================================================
"""
