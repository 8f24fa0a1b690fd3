"""Every secret is redacted, and nothing else."""

import time
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.telemetry.redaction import MARK, Redactor, redact

HOOK = "https://hooks.slack.com/commands/T012AB3C4/5678901234567/Zm9yZ2V0IG1lIG5vdA"
ELSEWHERE = "https://chat.example.org/r/Zm9yZ2V0IG1lIG5vdA"
NEEDLE = "Zm9yZ2V0IG1lIG5vdA"  # the secret part of both addresses


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-1234567890-0987654321-AbCdEfGhIjKlMnOpQrStUvWx",
        "xoxp-1234567890-0987654321-AbCdEfGhIjKlMnOpQrStUvWx",
        "xoxe.xoxb-1-MS0xLXRoaXMtaXMtbm90LWEtdG9rZW4",
        "xoxe-1-MS0xLXRoaXMtaXMtbm90LWEtdG9rZW4",
        "xapp-1-A0123456789-1234567890-0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "b10_AbCd1234.0123456789abcdefghijABCDEFGHIJ01",
        "AbCd1234.0123456789abcdefghijABCDEFGHIJ01",
    ],
)
@pytest.mark.parametrize(
    "text", ["{}", "a {} z", "key={}&z", '{{"k": "{}"}}', "('{}',)", "https://x.org/?t={}", "{}."]
)
def test_the_shapes_of_tokens_and_keys_are_taken_out(secret: str, text: str) -> None:
    assert Redactor().text(text.format(secret)) == text.format(MARK)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Authorization: Api-Key s3cr3t/+==", f"Authorization: Api-Key {MARK}"),
        ("Authorization: Bearer s3cr3t.x-y_z", f"Authorization: Bearer {MARK}"),
        ("authorization: bearer s3cr3t", f"authorization: bearer {MARK}"),
        ("{'Authorization': 'Api-Key s3cr3t', 'a': 1}", None),
        ('{"Authorization":"Bearer s3cr3t","a":1}', None),
        ("[(b'Authorization', b'Api-Key s3cr3t')]", None),
        (r"{\"Authorization\": \"Api-Key s3cr3t\"}", r"{\"Authorization\": \"Api-Key *\"}"),
    ],
)
def test_authorization_headers_keep_only_their_scheme(text: str, redacted: str | None) -> None:
    expected = (redacted or text.replace("s3cr3t", MARK)).replace("*", MARK)
    assert Redactor().text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"posting to {HOOK} now",
        f"({HOOK})",
        f"<{HOOK}|here>",
        f"a={quote(HOOK, safe='')}&b=1",
        f"a={quote(HOOK, safe='').replace('%3A', '%3a').replace('%2F', '%2f')}&b=1",
        '{"u":"' + HOOK.replace("/", r"\/") + '"}',
        HOOK.replace("https", "http"),
        HOOK.replace("commands", "actions"),
        HOOK.replace("commands", "services"),
    ],
)
def test_slacks_response_urls_are_taken_out_however_they_are_written(text: str) -> None:
    assert NEEDLE not in Redactor().text(text)


@pytest.mark.parametrize(
    "text",
    [
        urlencode({"text": "a b", "response_url": ELSEWHERE, "user_id": "U1"}),
        f"response_url={ELSEWHERE}",
        f'{{"response_url": "{ELSEWHERE}", "user_id": "U1"}}',
        f'{{"response_url":"{ELSEWHERE}","user_id":"U1"}}',
        f'{{"response_url" : "{ELSEWHERE}"}}',
        rf"{{\"response_url\": \"{ELSEWHERE}\", \"user_id\": \"U1\"}}",
        f"{{'response_url': '{ELSEWHERE}', 'user_id': 'U1'}}",
        f"Place(channel_id='C1', response_url='{ELSEWHERE}', user_id='U1')",
    ],
    ids=["form", "plain", "json", "compact", "spaced", "json in json", "dict", "dataclass"],
)
def test_a_response_url_field_is_taken_out_whatever_its_host(text: str) -> None:
    redacted = Redactor().text(text)
    assert NEEDLE not in redacted
    assert ("U1" in redacted) == ("U1" in text), "the neighbours stay"


WEBHOOK = "/api/webhooks/1234567890/" + "Zm9yZ2V0-IG1lIG5vdA_Zm9yZ2V0IG1lIG5vdA"


@pytest.mark.parametrize(
    "text",
    [
        HOOK.replace("slack", "slack-gov"),
        quote(HOOK.replace("slack", "slack-gov"), safe=""),
        quote(quote(HOOK, safe=""), safe=""),
        HOOK.removeprefix("https://"),
        HOOK.removeprefix("https://").replace("/", r"\/"),
        quote(HOOK.removeprefix("https://"), safe=""),
        f"https://discord.com{WEBHOOK}",
        f"https://ptb.discordapp.com{WEBHOOK.replace('/api', '/api/v10')}",
        quote(f"https://discord.com{WEBHOOK}", safe=""),
        f"https://discord.com{WEBHOOK}".replace("/", r"\/"),
    ],
)
def test_other_webhooks_are_taken_out_too(text: str) -> None:
    assert "Zm9yZ2V0" not in Redactor().text(f"posting to {text} now")
    assert "Zm9yZ2V0" not in str(Redactor().tree({"a": text}))


def test_a_sockets_ticket_is_taken_out() -> None:
    text = "wss://wss-primary.slack.com/link/?ticket=0b1c2d3e&app_id=A1"
    assert Redactor().text(text) == text.replace("0b1c2d3e", MARK)


@pytest.mark.parametrize(
    "text",
    [
        "https://b.s3.amazonaws.com/k?X-Amz-Date=20261123T000000Z&X-Amz-Signature=*&a=1",
        "https://storage.googleapis.com/k?X-Goog-Signature=* was slow",
        "https://x.blob.core.windows.net/c?sv=2026-01-01&sig=*&se=2026",
        "https://x.blob.core.windows.net/c?sig=*",
        "cloning https://*@git.example.org/a/b",
        "machine api.wandb.ai\n  login user\n  password *\n",
        "machine api.wandb.ai login user password *",
        "{'authorization': '*', 'host': 'x'}",
        'headers: {"Authorization":"*","a":1}',
        '{"auths": {"r.example.org": {"auth": "*"}}}',
        "Set-Cookie: session=*",
        "Cookie: session=*",
    ],
)
def test_secrets_are_taken_out_of_where_they_often_stand(text: str) -> None:
    secret = "0123456789abcdef0123456789ABCDEF01234567"
    assert Redactor().text(text.replace("*", secret)) == text.replace("*", MARK)


def test_a_secret_that_follows_its_id_goes_with_it() -> None:
    text = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY us-east-1"
    assert Redactor().text(text) == f"{MARK} us-east-1"


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOY\n-----END PGP PRIVATE KEY BLOCK-----",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,5F\n\nlQOY",
    ],
)
def test_other_kinds_of_private_keys_are_taken_out_too(text: str) -> None:
    assert Redactor().text(f"before\n{text}") == f"before\n{MARK}"


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@github.com/a/b",
        "postgresql://training_project_bot@db/bot",
        "the password is wrong",
        "cookie: none",
        "Basic auth: on",
        "sig=0.5 mu=1.0",
    ],
)
def test_what_only_resembles_those_places_stays(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "secret", ["8f742231b10e8888abcd99yyyzzz85a5", "odd/secret+with=signs", "50%-off-today"]
)
def test_known_values_are_taken_out_plain_and_percent_encoded(secret: str) -> None:
    text = f"{secret} {quote(secret, safe='')} {urlencode({'k': secret})}"
    assert Redactor([secret]).text(text) == f"{MARK} {MARK} k={MARK}"


@pytest.mark.parametrize("secrets", [["abcdefgh", "abcdefgh-ij"], ["abcdefgh-ij", "abcdefgh"]])
def test_the_longest_known_value_goes_first(secrets: list[str]) -> None:
    assert Redactor(secrets).text("abcdefgh-ij abcdefgh") == f"{MARK} {MARK}"


def test_empty_values_hide_nothing() -> None:
    assert Redactor(["", ""]).text("abc") == "abc"


@pytest.mark.parametrize(
    "text",
    [
        "demo/qwen3-0.6b",
        "Qwen3.6-35B-A3B Long Context - ML Cookbook",
        "My Training Project",
        "2026-11-23T17:10:00.123456789Z",
        "2026-11-23 17:10 UTC",
        "<!date^1795453800^{date_short_pretty} at {time}|2026-11-23 17:10 UTC>",
        "wlyx6nq yqvj7q3 job-abc123",
        "0123456789abcdef0123456789abcdef01234567",
        "550e8400-e29b-41d4-a716-446655440000",
        "https://app.baseten.co/training/yqvj7q3/logs/wlyx6nq",
        "https://hooks.example.com/x",
        "training.config notebook.ipynb finetune.20261123",
        "fox-trot xo-xo x86-64 response_url is missing",
        "BASETEN_API_KEY SLACK_BOT_TOKEN",
        "10.0.0.1:3000 v1.2.3 3.14159265358979",
        "U012AB3CD C0SANDBOX1 T012AB3C4",
    ],
)
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert Redactor(["another-secret"]).text(text) == text


def test_a_value_too_short_to_be_a_secret_is_left_in_words() -> None:
    assert Redactor(["test"]).text("test-run") == "test-run"


def test_redacting_twice_changes_nothing_more() -> None:
    redactor = Redactor(["known-secret"])
    once = redactor.text(f"known-secret {HOOK} Api-Key abc response_url={ELSEWHERE}")
    assert redactor.text(once) == once


def test_every_string_of_a_tree_is_redacted_and_the_tree_itself_is_kept() -> None:
    plain = {"n": None, "t": True, "f": 1.5}
    tree = plain | {"a": ["known-value", ("x known-value", 1)], "b": {"c": "known-value"}}
    redacted = Redactor(["known-value"]).tree(tree)
    assert redacted == {
        "a": [MARK, [f"x {MARK}", 1]],
        "b": {"c": MARK},
        "n": None,
        "t": True,
        "f": 1.5,
    }
    assert tree["b"] == {"c": "known-value"}


# Invented, and assembled here, because a repository scanner would report them.
LETTERS = "abcdefghijKLMNOPQRST0123456789uvwxyzAB"
HEX = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
BY_THEMSELVES = [
    f"hf_{LETTERS[:34]}",
    f"sk-{LETTERS}",
    f"sk-proj-{LETTERS}_{LETTERS}",
    f"sk-ant-api03-{LETTERS}-{LETTERS}",
    f"sk_live_{LETTERS[:24]}",
    *(f"gh{kind}_{LETTERS[:36]}" for kind in "opusr"),
    f"github_pat_{LETTERS[:22]}_{LETTERS}",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ASIA" + "IOSFODNN7EXAMPLE",
    "AIza" + f"Sy-{LETTERS}"[:35],
    f"wandb_v1_{LETTERS}",
    f"nvapi-{LETTERS}",
    f"glpat-{LETTERS[:20]}",
    JWT,
    "SG" + f".{LETTERS[:22]}.{LETTERS}{LETTERS[:5]}",
    "np" + f"m_{LETTERS[:36]}",
    "py" + f"pi-AgEIcHlwaS5vcmcC{LETTERS}_{LETTERS}",
    "gs" + f"k_{LETTERS}{LETTERS[:14]}",
    "r8" + f"_{LETTERS[:37]}",
    "da" + f"pi{HEX[:32]}",
    "da" + f"pi{HEX[:32]}-2",
    "dckr" + f"_pat_{LETTERS[:27]}",
    "xw" + f"fp-1234567890-{LETTERS[:24]}",
    "rk" + f"_live_{LETTERS[:24]}",
    "wh" + f"sec_{LETTERS[:32]}",
    "xa" + f"i-{LETTERS}{LETTERS}",
    "ya" + f"29.{LETTERS}_{LETTERS}",
    "pp" + f"lx-{LETTERS}{LETTERS[:10]}",
    "pc" + f"sk_4Ab2_{LETTERS}{LETTERS[:10]}",
    "tg" + f"p_v1_{LETTERS}_{LETTERS[:5]}",
    "ls" + f"v2_pt_{HEX[:32]}_{HEX[:10]}",
]


PLACES = ["{}", "step 1 {} loss", "({})", "'{}',", '{{"a": "{}"}}', "x={}&y=1", "{}."]
PLACES += ["a\n{}\nb", r"a\n{}\nb", "\x1b[31m{}\x1b[0m"]


@pytest.mark.parametrize("secret", BY_THEMSELVES)
@pytest.mark.parametrize("text", PLACES)
def test_keys_of_others_are_taken_out_wherever_they_stand(secret: str, text: str) -> None:
    assert redact(text.format(secret)) == text.format(MARK)


GIVEN_TO_A_NAME = r"""
WANDB_API_KEY=*
export MY_OWN_KEY=*
service-key: *
HF_TOKEN=* MODEL=llama
"A=b\nHF_TOKEN=*\nMODEL=llama"
GOOGLE_APPLICATION_CREDENTIALS=*
{"api_key": "*", "lr": 0.1}
{"api_key":"*"}
{\"api_key\": \"*\", \"lr\": 0.1}
{'client_secret': '*', 'token': b'*', 'a': b'c'}
os.environ['HUB_TOKEN'] = '*'
"access_token" => "*"
apiKey: '*'
api-key: *
the secret key: *
API key: *
Config(token='*', seed=7)
https://example.com/x?token=*&user=3
found key: WANDB_API_KEY=*
key: token: *
train.py --api_key=* --lr 1e-5
train.py --hub-token * --lr 1e-5
train.py --hub-token '*' --lr 1e-5
"torchrun\n--hub-token *\n--lr 1e-5"
DB_PASSWORD=*
credentials := *
"""


@pytest.mark.parametrize("text", GIVEN_TO_A_NAME.strip().splitlines())
@pytest.mark.parametrize("secret", ["abcd1234efgh", "Zm9yZ2V0IG1l+/LG5vdA==", "s-3-c-r-3-t-s"])
def test_what_is_given_to_a_telling_name_is_hidden_and_the_name_is_kept(
    text: str, secret: str
) -> None:
    assert redact(text.replace("*", secret)) == text.replace("*", MARK)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("password: hunter2", "password: *"),
        ("PASSWORD=20481024", "PASSWORD=*"),
        ('password="must"', 'password="*"'),
        ("password: mustang, your: 5", "password: *, your: 5"),
        ("Bearer of-1234567", "Bearer *"),
        ("Authorization: Bearer token.abc=", "Authorization: Bearer *"),
        ("bearer to/abc", "bearer *"),
        ("passwd=ab=cd:ef", "passwd=*"),
        ('"password": "correct horse battery"', '"password": "*"'),
        ("--token abc", "--token *"),
        ('"token": "superhero"', '"token": "*"'),
        ("MY_SECRET=my_own_secret", "MY_SECRET=*"),
        ("my_key=0f1e2d3c4b5a69", "my_key=*"),
        (f"wandb login {HEX}", "wandb login *"),
        (f"wandb: key is {HEX}!", "wandb: key is *!"),
        (rf'"wandb login\n{HEX}\n"', r'"wandb login\n*\n"'),
        ("postgres://sam:pw@db:5432/x", "postgres://sam:*@db:5432/x"),
        ("redis://:p@w%40@db", "redis://:*@db"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic *"),
        ('{"authorization":"token abc"}', '{"authorization":"token *"}'),
    ],
)
def test_other_ways_to_write_a_secret(text: str, redacted: str) -> None:
    assert redact(text) == redacted.replace("*", MARK)


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("line_end", ["\n", "\\n", "\r\n"])
def test_a_private_key_is_taken_out_whole_even_without_its_end(kind: str, line_end: str) -> None:
    body = line_end.join(["", "MIIEvQIBADANBgkqhkiG9w0B", "AQEFAASCBKcwggSjAgEAAoIBA/+=", ""])
    begin, end = (f"-----{word} {kind}PRIVATE KEY-----" for word in ("BEGIN", "END"))
    assert redact(f'"x": "{begin}{body}{end}", y') == f'"x": "{MARK}", y'
    assert redact(f'"x": "{begin}{body}", y') == f'"x": "{MARK}", y'


@pytest.mark.parametrize("kind", ["", "RSA ", "EC "])
def test_the_end_of_a_private_key_is_taken_out_even_without_its_beginning(kind: str) -> None:
    body = "MIIEvQIBADANBgkqhkiG9w0B\n  AQEFAASCBKcwggSjAgEAAoIBA/+=\r\nZm9="
    end = f"-----END {kind}PRIVATE KEY-----"
    text = f"step 1: done.\n{body}\n {end} x\nstep 2"
    assert redact(text) == f"step 1: done.\n{MARK} x\nstep 2"
    assert redact(f"{text}\n{text}").count(MARK) == 2
    assert redact(f"a: 1.\n{end}") == f"a: 1.\n{end}"
    assert redact(f"{body}\n-----END CERTIFICATE-----").startswith(body[:24])


ORDINARY = """
tokens per second: 1200 num_tokens=4096 max_token_length=2048 max_token: 4096
loss=0.3 loss_per_token=2.345678e-01 time_per_token=0.00123s last_token: 12800100
key_dim=64 key=value n_keys=16 monkey=3 monkey: chimpanzee donkey=12345678
tokenizer: llama tokenizer_class=LlamaTokenizerFast
pad_token: <|endoftext|> cls_token=[CLS] unk_token='<unknown>' "bos_token": "beginning"
eos_token='end_of_text' next_token=international prev-token=extraordinary sep_token=|separator|
sort_key=created_at text_key: input_ids primary_key=training_project_id
key: model.layers.0.self_attn.q_proj.weight key='encoder.block.12.layer'
Missing key(s) in state_dict: "lm_head.weight"; KeyError: 'model.layers.12.mlp'
Key=checkpoint1000 key: runs/exp12/checkpoint-1000/optimizer.pt dataset_key=c4_en_20240101
key=C0SANDBOX1:1700000000.123456 "key": "550e8400-e29b-41d4-a716-446655440000"
password: no token=None password=null api_key: "" secret=False HF_TOKEN= password:
argument --token: expected one argument. Invalid token: expected expression
usage: train.py [--token TOKEN] [--sort-key NAME] --num-token 5
train.py --model-name llama-3-instruct --use-auth-token --trust-remote-code --sort-key created_at
Client(token=self.token_provider, api_key=api_key, secret=get_the_secret(), password=ask_for_it())
at::Token::PythonDispatcher(c10::DispatchKey::AutogradCUDA)
Your token has been saved to /root/.cache/huggingface/token; the key is valid
PASSWORD required, passwords: 3, credentials: loaded, api key: required for this model
basic training started, authorization: none
https://app.example.com:8080/a@b https://x.example.com/a:b?c=d@e sam@example.com
wandb: Syncing run glad-sun-12 to https://wandb.ai/team/p/runs/0f1e2d3c
commit 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c logged in to wandb
through-hf_hub disk-1234567890abcdefgh task-12-abcdefghijklmnopqrs sk-learn sk-lego-language-models
SG.nothing SG.1234567890123456.short npm_config_registry npm_package_version pypi-proxy-mirror
rk_live_short whsec_short xai-grok-2 ya29.short pplx-7b-online pcsk_short tgp_v1_short lsv2_pt_ok
gsk_model r8_test dapi2024 dapi-0f1e2d3c dckr_pat_short xwfp_workflow discord.com/channels/1/2
Cannot connect to host hooks.slack.com:443, or to hooks.slack-gov.com
Password: must have at least 8 characters. Invalid password: incorrect. password: required
"detail": "password: should have a digit" \"Password: must have a digit\" --password must be given
the bearer of news, bearer token missing. Bearer authentication is required. "the bearer of\nnews"
WWW-Authenticate: Bearer realm="api.example.com" error="invalid_token"
password reset-flow
team password reset-flow login page machine learning
HF_TOKEN: not_found_in_environment
HF_TOKEN: undefined GITHUB_TOKEN: unavailable WANDB_API_KEY: unauthorized OPENAI_API_KEY=malformed
curl -H "X-Token: $HF_TOKEN" --token $HF_TOKEN api_key=$MY_API_KEY
HF_TOKEN=unset_in_this_shell token: loaded_from_cache
hf_transfer ghp_short github_pat_ AKIA AIza eyJ eyJabc.def nvapi-
-----BEGIN CERTIFICATE----- MIIEvQIBADANBgkqhkiG9w0B -----END CERTIFICATE-----
[2026-11-23 17:10:00,123] step 1200/5000 lr=2.0e-05 grad_norm=0.981 eta=1:02:11 100%|████| 5/5
"""


@pytest.mark.parametrize("line", ORDINARY.strip().splitlines())
def test_what_training_logs_say_every_day_stays(line: str) -> None:
    assert redact(line) == line


PIECES = ["key", "api_key", "token", "password", "=", ":", "--", '"', "'", "\\", "(", "]", "@", "."]
PIECES += ["a", "abcd1234", "wandb", "://", "eyJ", "hf_", "sk-", "é", " ", "\n", "Bearer "]
PIECES += ["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", MARK, LETTERS, HEX, JWT]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_whatever_it_is_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(st.text(max_size=20), st.sampled_from(BY_THEMSELVES), st.text(max_size=20))
def test_whatever_stands_around_a_key_it_does_not_pass(
    before: str, secret: str, after: str
) -> None:
    assert secret not in redact(f"{before} {secret} {after}")


SLOW = ["a", "-", "\\", "=", " ", "key=", "key:", "key:x:", "key\\", "key ", "token=("]
SLOW += ["--a ", "--token ", "eyJ", "eyJaaaaaaaaaa.", "sk-", "github_pat_", "://", "://a:"]
SLOW += ["aaaaaaaa.", "xoxb.", "-----BEGIN PRIVATE KEY-----", "password='", "a1b2", "b10_"]
SLOW += ["a\n", "\n-----END PRIVATE KEY-----", "a\n-----END PRIVATE KEY-----\n"]
SLOW += [
    "login a ",
    "machine a\npassword ",
    "\npassword ",
    "password A",
    "SG.aaaaaaaaaaaaaaaaaaaa.",
]
SLOW += ["dapi0", "npm_a", "discord.com/api/webhooks", "pypi-Ag", "dckr_pat_", "no_", "token: no_"]
SLOW += ["hooks.slack.com", "https%25", "https%2525253A", "hooks.slack.com%25"]
SLOW += ["wandb ", "0meyJ", "0msk-", "\\n--a", "authorization: basic "]


@pytest.mark.parametrize("piece", SLOW)
def test_no_line_takes_long(piece: str) -> None:
    times = []
    for length in (25_000, 100_000):
        text = "token: key=" + piece * (length // len(piece)) + "="
        begin = time.process_time()
        redact(text)
        times.append(time.process_time() - begin)
    # Four times the text takes four times as long, not sixteen. Short times are too noisy.
    assert times[1] < max(8 * times[0], 0.5)


@pytest.mark.parametrize("text", [*BY_THEMSELVES, *GIVEN_TO_A_NAME.strip().splitlines(), HOOK])
def test_a_tree_is_redacted_as_its_strings_are(text: str) -> None:
    redactor = Redactor(["known-value"])
    for words in (text, text.upper(), f"📂 {text}"):
        assert redactor.tree({"a": ["plain", {"b": words}]}) == {
            "a": ["plain", {"b": redactor.text(words)}]
        }
