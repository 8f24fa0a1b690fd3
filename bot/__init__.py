"""The training-project bot, in the order of a command's life.

===============  ==================================================================================
``__main__``     the command line: ``run``; ``cli`` holds ``audit``, ``check``, ``demo``
``settings``     every setting once, from ``environment``, ``text_files`` and ``proxies``
``wiring``       builds all parts once; ``connections`` opens the sessions that lead outside
``app``          starts and stops the parts in order
``server``       the ways in: HTTP, a socket, the health pages, and the page of the metrics
``listeners``    Bolt only: read the payload, enqueue or start, ack; ``register()`` is the contents
``durable``      tasks are on disk before they are acked, and run even after a kill
``handlers``     the work after the ack, a file for each kind of task
``projects``     from the typed words to a project: ``request``, ``similar_names``, ``creation``;
                 the list of jobs, the acts on jobs, and the projects that wait for approval
``access``       who is served, which acts are allowed, and how many requests a person can make
``baseten``      the management API; ``retry`` repeats what is safe to repeat, ``circuit`` pauses
``views``        data in, Block Kit out
``slack``        the only callers of Slack's Web API
``watches``      a message follows its job; one poller for all of them
``follows``      a channel or a person gets the jobs of a project, of a team, or of their own
``telemetry``    logs without secrets; metrics and traces; all report to ``observer``
``sandbox``      a Slack and a Baseten on loopback, for the tests and the demo
``deploy``       what an operator needs
===============  ==================================================================================
"""

__version__ = "0.1.0"  # the only place: the package, the log, /healthz and --version read it
