"""The training-project bot, in the order of a command's life.

=========================  ==========================================================
``__main__``               the command line: run, ``check``, ``demo``
``settings``               every setting once
``logs``                   a line is written as data; ``redaction`` takes secrets out of it by
                           their ``secret_shapes``, and by the names they are given to; the bot's
                           own ``task_ids`` stay
``app``                    wiring; ``connections`` opens what leads outside
``server``                 the HTTP way in: ``/slack/events``, and the health pages
``socket_mode``            the other way in: a web socket that the bot opens to Slack
``listeners``              one file per door; ``register()`` is the contents page
``arguments``              the words after the command become a ``ProjectRequest``
``durable``                tasks are on disk before they are acked, and run even after a kill
``workers``                which tasks run beside each other, and how many
``person_limits``          how much one person can ask for
``work``                   what may be lost, and is seen, is tracked until it is done
``projects``               find the team, open the project; ``similar_names`` finds near ones
``creation``               whether a request created its project
``baseten``                the management API: client, models; ``cache`` spares it
``views``                  answers, dialogs and failures drawn as Block Kit
``posting``                a ``message`` reaches the channel, or the person; ``channel_gate``
                           lets few posts a channel be under way
``modals``, ``step_ends``  dialogs and the home tab; the ends of a workflow step
``slack_calls``            how all three call Slack without doing anything twice
``channel_gate``           few posts at once in each channel
``watching``               an answer follows its job until that ends
``recents``                what each person opened last
``remembered``             what was seen before, as long as the process lives
``sandbox``                a Slack and a Baseten on loopback, to try it all with
=========================  ==========================================================
"""
