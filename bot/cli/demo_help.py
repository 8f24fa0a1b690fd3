"""The commands of the demo, in words."""

SUMMARY = """\
Try the bot without an account: a Slack and a Baseten run on
this machine, and the real bot runs between them."""
COMMANDS = """\
At its prompt the demo understands:

  research my-model  open the project my-model in the team
                     Research: the words after
                     /training-project
  /training-project  open the dialog that asks for them
  /training-jobs     list the jobs that run, wait or have
                     just ended
  home               show the bot's home tab
  3                  press the button, or choose from the
                     menu, with the number 3
  push PROJECT       start a job, as Truss does; it ends
                     well after 30 seconds
  fail PROJECT       let the project's job fail now
  finish PROJECT     let it complete now
  break baseten      Baseten answers 502; slow baseten: it
                     takes 4 seconds for each answer
  break slack        Slack refuses all messages
  mend               repair both
  b                  print the link that shows the last
                     message in Slack's Block Kit Builder
  help               print this list
  q, or Ctrl-D       end; in a dialog Ctrl-D leaves it

To see a watch to its end:  push support-bot-sft
                            research support-bot-sft
                            1 (Watch)
To see a failing job:       fail support-bot-sft
To see a follow:            home, then the number of
                            Follow…; push and fail are
                            reported in your messages"""
INTRO = """\
Type a team and a project, or the number of a button.
To follow a job to its end: push llama-3-finetune, then 1 (Watch); fail llama-3-finetune ends it.
/training-jobs lists all jobs, home shows the home tab, help lists every command, Ctrl-D ends."""
