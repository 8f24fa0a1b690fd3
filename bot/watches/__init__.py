"""Watches: a message shows the progress of its job until the job ends; in the order of its life.

===================  =============================================================================
``model``            a watch; ``news`` are in its outbox until they are delivered
``store``            each change of a watch is atomic; every replica can make it
``start``            a person starts or joins a watch: it is saved, then the message shows it
``poller``           one task asks Baseten about all watches: every 15 to 60 s
``job_lookup``       as few requests as possible; ``endpoint_health`` leaves the refused ones out
``changes``          pure: the last state and the present one in, news out
``threads``          of several watches in a thread, one announces a newer job
``followed``         the poll's look at followed projects; ``tracked`` are their jobs until the end
``delivery``         one task for each outbox: an update of the message, then a post for each news;
                     ``progress`` is its state, ``update_rate_limiter`` its pace
``rights``           asked before each update and each post
``news_messages``    the words for the news, with details from Baseten
``outbox_posts``     the posts in the thread, and direct messages to people who lose their watch
===================  =============================================================================

``redraw`` updates a message that others update at the same time.
``slices`` lets other work run between parts of long lists; ``fetches`` limits requests.
"""
