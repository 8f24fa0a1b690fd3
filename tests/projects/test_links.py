"""Links to Baseten are read strictly: nothing that only looks like one is a link."""

import pytest

from bot.projects.links import TrainingLink, training_links

ROOT = "https://app.baseten.co/training"


@pytest.mark.parametrize("end", ["", "/", "?a=1&b=2", "#top", "/?x=%2F..#y"])
def test_the_two_forms(end: str) -> None:
    project, job = f"{ROOT}/abc{end}", f"{ROOT}/abc/logs/d-_9{end}"
    assert training_links([project, job, project]) == [
        TrainingLink(project, "abc"),
        TrainingLink(job, "abc", "d-_9"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://app.baseten.co.evil.example/training/abc",
        "https://app.baseten.co@evil.example/training/abc",
        "https://app.baseten.co:443@evil.example/training/abc",
        "https://app.baseten.co:8443/training/abc",
        "https://dana:x@app.baseten.co/training/abc",
        "https://app-baseten.co/training/abc",
        "https://app.baseten-co/training/abc",
        "http://app.baseten.co/training/abc",
        "https://evil.example/https://app.baseten.co/training/abc",
        f"{ROOT}//abc",
        f"{ROOT}/abc%2Flogs%2Fdef",
        f"{ROOT}/abc/logs/def/../../x",
        f"{ROOT}/ａｂｃ",  # noqa: RUF001 - letters of full width
        f"{ROOT}/abc\n",
        f"{ROOT}/abc?a\nb",
    ],
)
def test_no_other_link(url: str) -> None:
    assert training_links([url]) == []
