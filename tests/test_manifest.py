"""``manifest.yml`` can be pasted into Slack: in Socket Mode as it is, in HTTP mode as it says."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.listeners.dialog import FROM_ANYWHERE, FROM_MESSAGE
from bot.listeners.workflow_step import STEP
from bot.sandbox.slack.links import UNFURL_DOMAINS
from bot.views.installation import Installation

ROOT = Path(__file__).parent.parent
AS_IT_IS = (ROOT / "manifest.yml").read_text(encoding="utf-8")
# The rules that Slack publishes (its JSON Schema 2.0.0), cut to the parts that this app uses.
RULES = json.loads((ROOT / "tests/data/manifest.schema.json").read_text(encoding="utf-8"))


def for_http(text: str) -> str:
    """Do what the manifest's own comments say that HTTP mode changes."""
    text = re.sub(r"^( *)# HTTP: ", r"\1", text, flags=re.MULTILINE)
    return re.sub(r": true( *# HTTP: )false$", r": false\1true", text, flags=re.MULTILINE)


def without_the_step(text: str) -> str:
    """Do what the manifest's own comments say that a plan without workflows needs."""
    return re.sub(r"^ *# STEP begins$.*?^ *# STEP ends$", "", text, flags=re.MULTILINE | re.DOTALL)


def with_links(text: str) -> str:
    """Do what the manifest's own comments say that previews of links need."""
    return re.sub(r"^( *)# LINKS: ", r"\1", text, flags=re.MULTILINE)


def load(text: str) -> Any:
    return yaml.safe_load(text)


def problems(manifest: object) -> list[str]:
    """Every rule that the manifest breaks, in the validator's words."""
    jsonschema.Draft7Validator.check_schema(RULES)
    validator = jsonschema.Draft7Validator(RULES)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]


def addresses(value: object) -> list[str]:
    """Every web address among a document's values."""
    if isinstance(value, dict):
        return [found for each in value.values() for found in addresses(each)]
    if isinstance(value, list):
        return [found for each in value for found in addresses(each)]
    return [value] if isinstance(value, str) and re.match("https?://", value) else []


@pytest.mark.parametrize(
    "text",
    [AS_IT_IS, for_http(AS_IT_IS), with_links(AS_IT_IS), with_links(for_http(AS_IT_IS))],
    ids=["socket mode", "http", "links", "http and links"],
)
def test_it_keeps_slacks_rules(text: str) -> None:
    assert problems(load(text)) == []


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("display_information", "name", "x" * 36),
        ("display_information", "long_description", "too short"),
        ("display_information", "background_color", "green"),
        ("settings", "socket_mode_enabled", "yes"),
        ("settings", "socket_mode", True),
        ("settings", "interactivity", {}),
        ("features", "slash_commands", []),
        ("features", "slash_commands", [{"command": "no-slash", "description": "x"}]),
        ("features", "slash_commands", [{"command": "/" + "x" * 32, "description": "x"}]),
    ],
)
def test_the_rules_bite(part: str, key: str, value: object) -> None:
    manifest = load(AS_IT_IS)
    manifest[part][key] = value
    assert problems(manifest)


def test_it_asks_for_the_least_that_the_bot_can_work_with() -> None:
    assert load(AS_IT_IS)["oauth_config"] == {
        "scopes": {
            "bot": ["commands", "chat:write", "chat:write.public"],
            "bot_optional": ["users:read.email", "users:read", "usergroups:read"],
        }
    }


def test_previews_of_links_are_there_for_those_who_want_them() -> None:
    plain, manifest = load(AS_IT_IS), load(with_links(AS_IT_IS))
    assert "unfurl_domains" not in plain["features"]
    assert manifest["features"]["unfurl_domains"] == list(UNFURL_DOMAINS)
    added = set(manifest["oauth_config"]["scopes"]["bot"]) - set(
        plain["oauth_config"]["scopes"]["bot"]
    )
    assert added == {"links:read", "links:write"}
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    assert events == ["app_home_opened", "link_shared", "function_executed"]


def test_the_commands_are_described_to_those_who_type_them() -> None:
    commands = load(AS_IT_IS)["features"]["slash_commands"]
    names = Installation()
    assert [(command["command"], command["usage_hint"]) for command in commands] == [
        (names.command, "<team> <name>"),
        (names.jobs_command, "[team] [project]"),
    ]
    assert all(command["description"] for command in commands)
    assert [command["should_escape"] for command in commands] == [False, False]


def test_as_it_is_the_bot_opens_a_socket_and_slack_calls_nobody() -> None:
    manifest = load(AS_IT_IS)
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert manifest["settings"]["interactivity"] == {"is_enabled": True}
    assert addresses(manifest) == []


def test_in_http_mode_slack_calls_one_address_for_everything() -> None:
    manifest = load(for_http(AS_IT_IS))
    assert manifest["settings"]["socket_mode_enabled"] is False
    settings = manifest["settings"]
    assert addresses(manifest) == [
        *(command["url"] for command in manifest["features"]["slash_commands"]),
        settings["interactivity"]["request_url"],
        settings["interactivity"]["message_menu_options_url"],
        settings["event_subscriptions"]["request_url"],
    ]
    assert set(addresses(manifest)) == {"https://bot.example.com/slack/events"}


def test_its_head_says_where_the_step_appears() -> None:
    head = " ".join(AS_IT_IS.partition("_metadata:")[0].replace("#", " ").split())
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for text in (head, readme):
        assert "Workflow Builder appears only on paid plans" in text
        assert "in an organization only after an organization-level install" in text


def test_the_step_can_be_left_out_as_the_manifest_says() -> None:
    manifest = load(without_the_step(AS_IT_IS))
    assert problems(manifest) == []
    assert "functions" not in manifest
    assert "function_runtime" not in manifest["settings"]
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == ["app_home_opened"]


def test_every_door_of_the_manifest_is_one_of_the_bots() -> None:
    manifest = load(AS_IT_IS)
    shortcuts = {each["type"]: each["callback_id"] for each in manifest["features"]["shortcuts"]}
    assert shortcuts == {"global": FROM_ANYWHERE, "message": FROM_MESSAGE}
    assert list(manifest["functions"]) == [STEP]
    assert manifest["settings"]["function_runtime"] == "remote"
    assert manifest["settings"]["org_deploy_enabled"] is True


def test_every_parameter_of_the_step_is_named_as_its_key() -> None:
    for function in load(AS_IT_IS)["functions"].values():
        for side in ("input_parameters", "output_parameters"):
            properties = function[side]["properties"]
            assert {key: each["name"] for key, each in properties.items()} == {
                key: key for key in properties
            }
            assert set(function[side]["required"]) <= set(properties)
