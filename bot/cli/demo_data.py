"""Sample teams, projects and jobs for the demo."""

from datetime import timedelta

from bot.sandbox.baseten.server import SandboxBaseten
from bot.sandbox.faults import Json
from bot.sandbox.slack.records import CHANNEL, USER
from bot.sandbox.slack.server import SandboxSlack

YOUR_EMAIL = "you@example.com"
DIRECT = f"D{USER[1:]}"
# The names of the people and of the conversations.
NAMES = {
    USER: "@you",
    "U0SANDBOX2": "@dana",
    "U0SANDBOX3": "@sam",
    "U0SANDBOX4": "@alex",
    CHANNEL: "#ml-training",
    DIRECT: "your direct messages",
}

_DONE = "TRAINING_JOB_COMPLETED"
_LOG_WITH_A_KEY = [
    "loading openai/gpt-oss-20b",
    "step 480 loss=1.31 lr=1.8e-05",
    "pushing the adapter with HF_TOKEN=" + "hf_" + "abcDEFghiJKLmnoPQRstuVWXyz01234567",
    "RuntimeError: CUDA error: uncorrectable ECC error encountered",
]


def log_with_a_key() -> list[str]:
    """Return the last lines of a failing job's log; a made-up key is in it."""
    return list(_LOG_WITH_A_KEY)


def seed_people(slack: SandboxSlack) -> None:
    """Add people with email addresses, and your direct messages with the bot."""
    for user, name in NAMES.items():
        if user.startswith("U"):
            slack.add_email(user, f"{name.removeprefix('@')}@example.com")
    slack.add_channel(DIRECT)
    slack.scopes += ("users:read.email", "users:read")


def seed_demo_data(baseten: SandboxBaseten) -> None:
    """Add teams, projects, and jobs in all common states.

    The project `llama-3-finetune` in Research is missing, because the demo creates it. Two jobs
    change after their project is opened, for the demo of watches. The job of `Qwen3 Long Context`
    waits for H200s that another job holds. It gets them after 20 s, runs after 45 s, and completes
    after 150 s. The job of `tool-use-sft` fails after 40 s, and its log contains a key.
    """
    default = baseten.add_team("Default", default=True)["id"]
    research = baseten.add_team("Research")["id"]
    platform = baseten.add_team("Platform Team")["id"]
    _project(baseten, default, "demo/qwen3-0.6b", days=40)
    distill = _project(baseten, research, "reranker-distill", days=21)
    _start(baseten, distill, _completed(), hours=240)
    context = _project(baseten, platform, "Qwen3 Long Context", days=9)
    waiting = _start(baseten, context, _pending(), hours=3)
    baseten.script_job(waiting, _goes_well(), once_opened=context)
    baseten.add_logs(waiting, ["loading Qwen/Qwen3-8B", "step 1 loss=2.31", "step 2 loss=1.94"])
    pretrain = _project(baseten, platform, "llama-4-pretrain", days=12)
    holding = _start(baseten, pretrain, _holding(), hours=60)
    baseten.script_job(holding, [(20, {"status": _DONE})], once_opened=context)
    tools = _project(baseten, research, "tool-use-sft", days=4)
    failing = _start(baseten, tools, _running() | {"name": "tool-use-1"}, hours=2)
    baseten.script_job(failing, _goes_wrong(), once_opened=tools)
    baseten.add_logs(failing, _LOG_WITH_A_KEY)
    support = _project(baseten, research, "support-bot-sft", days=5)
    _start(baseten, support, _running(), hours=7)
    ocr = _project(baseten, platform, "ocr-adapter", days=2)
    _start(baseten, ocr, _failed(), hours=30)


def _project(baseten: SandboxBaseten, team_id: str, name: str, *, days: int) -> str:
    """Add a project that was created ``days`` ago, and return its id."""
    created_at = baseten.now() - timedelta(days=days)
    return str(baseten.add_project(team_id, name, created_at=created_at)["id"])


def _start(baseten: SandboxBaseten, project_id: str, job: dict[str, Json], *, hours: int) -> str:
    """Add a job that started ``hours`` ago, and return its id."""
    begin = baseten.now() - timedelta(hours=hours)
    started = baseten.add_job(project_id, created_at=begin, **job)
    baseten.set_job(started["id"], updated_at=begin + timedelta(minutes=42))
    return str(started["id"])


def _running() -> dict[str, Json]:
    return {
        "name": "gpt-oss-sft-3",
        "node_count": 2,
        "user_email": "dana@example.com",
        "checkpoint_sync_status": "SYNCING",
    }


def _completed() -> dict[str, Json]:
    return {
        "status": "TRAINING_JOB_COMPLETED",
        "name": "epoch-3",
        "user_email": "sam@example.com",
        "checkpoint_sync_status": "COMPLETED",
    }


def _failed() -> dict[str, Json]:
    return {
        "status": "TRAINING_JOB_FAILED",
        "name": "smoke-1",
        "error_message": "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0)",
        "availability_model": "spot",
        "user_email": "alex@example.com",
        "instance_type": {
            "id": "1xH100",
            "name": "1xH100",
            "memory_limit_mib": 240_000,
            "millicpu_limit": 26_000,
            "gpu_count": 1,
            "gpu_type": "H100",
            "gpu_memory_limit_mib": 81_920,
        },
    }


def _pending() -> dict[str, Json]:
    return {
        "status": "TRAINING_JOB_PENDING",
        "error_message": "Spot capacity is available for this job.",
        "priority": 10,
        "user_email": None,
        "instance_type": _eight_h200(),
    }


def _holding() -> dict[str, Json]:
    return {"name": "pretrain-7", "node_count": 2, "instance_type": _eight_h200()}


def _eight_h200() -> dict[str, Json]:
    return {
        "id": "8xH200",
        "name": "8xH200",
        "memory_limit_mib": 1_843_200,
        "millicpu_limit": 176_000,
        "gpu_count": 8,
        "gpu_type": "H200",
        "gpu_memory_limit_mib": 144_384,
    }


def _goes_well() -> list[tuple[float, dict[str, Json]]]:
    return [
        (20, {"status": "TRAINING_JOB_DEPLOYING", "error_message": None}),
        (45, {"status": "TRAINING_JOB_RUNNING", "checkpoint_sync_status": "SYNCING"}),
        (150, {"status": _DONE, "checkpoint_sync_status": "COMPLETED"}),
    ]


def _goes_wrong() -> list[tuple[float, dict[str, Json]]]:
    error = "Worker 1 exited with code 1: uncorrectable ECC error"
    return [(40, {"status": "TRAINING_JOB_FAILED", "error_message": error})]
