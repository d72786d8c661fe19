"""Settings from four sources, each checked, the later one winning."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from node.config import CONFIG_FILE, Settings, default_home, load_settings
from node.errors import ConfigError


def load(tmp_path: Path, toml: str = "", flags: Any = None, **environ: str) -> Settings:
    if toml:
        (tmp_path / CONFIG_FILE).write_text(toml)
    return load_settings(
        tmp_path, flags, {f"INTENTCAST_{key.upper()}": value for key, value in environ.items()}
    )


def refused(tmp_path: Path, toml: str = "", flags: Any = None, **environ: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, toml, flags, **environ)
    assert caught.value.code == "E-CONFIG"
    assert caught.value.fix
    return caught.value


def test_nothing_said_means_the_defaults(tmp_path: Path):
    assert load(tmp_path) == Settings()


def test_later_sources_win(tmp_path: Path):
    toml = 'net = "a"\napi_port = 1\nmailbox = true\n'
    assert load(tmp_path, toml).net == "a"
    assert load(tmp_path, toml, net="b").net == "b"
    found = load(tmp_path, toml, {"net": "c", "mailbox": None}, net="b")
    assert (found.net, found.api_port, found.mailbox) == ("c", 1, True)


def test_every_setting_can_come_from_the_environment(tmp_path: Path):
    found = load(
        tmp_path,
        net="lan",
        listen_host="0.0.0.0",  # noqa: S104 - a value, nothing listens
        listen_port="7440",
        advertise="a:1, b:2,",
        peers="c:3",
        lan="look",
        lan_interfaces="eth0",
        join="intentcast://",
        mailbox="yes",
        bootstrap="off",
        api_host="localhost",
        api_port="0",
        api_names="box.local",
        open_browser="no",
        push_links="2",
        uplink_kbit="5000",
        verify_processes="1",
        receipt_jitter_ms="0",
        retry_base_ms="10",
        retry_max_ms="100",
        clock_offset_ms="-5",
        auto_lock_minutes="30",
        backups_kept="0",
        mailbox_lost_ms="500",
        dial_through="127.0.0.1:9",
        private="careful",
        log_level="DEBUG",
        limits="open",
        interest="all",
    )
    assert "Limits are open" in found.notices()[0]
    assert Settings().notices() == []
    assert found.advertise == ["a:1", "b:2"]
    assert (found.mailbox, found.bootstrap, found.open_browser) == (True, False, False)
    assert (found.listen_port, found.clock_offset_ms) == (7440, -5)
    defaults = Settings()
    changed = [
        f.name
        for f in dataclasses.fields(found)
        if getattr(found, f.name) != getattr(defaults, f.name)
    ]
    assert len(changed) == len(dataclasses.fields(found)) - 1


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("api_prot = 1", "api_prot is not a setting"),
        ("colour = 1", "colour is not a setting"),
        ("api_port = 65536", "api_port is 65536"),
        ("api_port = true", "api_port is True"),
        ('api_port = "8"', "api_port is '8'"),
        ("verify_processes = 3", "verify_processes is 3"),
        ("listen_port = -1", "listen_port is -1"),
        ("mailbox = 1", "mailbox is 1"),
        ("net = 7", "net is not a text"),
        ('net = "Main"', "net is 'Main'"),
        ('net = ""', "net is ''"),
        ('peers = "a:1"', "peers is not a list"),
        ("peers = [1]", "peers is not a list"),
        (f"peers = {['a:1'] * 65}", "peers is not a list"),
        ('api_host = "0.0.0.0"', "api_host is not loopback"),
        ("clock_offset_ms = 1", "clock_offset_ms is refused on net=main"),
        ('log_level = "LOUD"', "log_level is 'LOUD'"),
        ('lan = "yes"', "lan is 'yes'"),
        ('private = "yes"', "private is 'yes' (E-CONFIG). Use off, normal, careful"),
        ("lan = true", "lan is not a text"),
        ('lan_interfaces = "eth0"', "lan_interfaces is not a list"),
        ("join = 1", "join is not a text"),
        ("net = ", "is not TOML"),
    ],
)
def test_a_bad_file_is_refused_by_key(tmp_path: Path, toml: str, said: str):
    error = refused(tmp_path, toml)
    assert said in str(error)
    assert CONFIG_FILE in str(error)


def test_a_misspelt_key_gets_the_nearest_one(tmp_path: Path):
    assert refused(tmp_path, "api_prot = 1").fix == "Did you mean api_port?"
    assert refused(tmp_path, "zzz = 1").fix.startswith("Known: net, ")


def test_a_flag_that_is_no_setting_is_refused_too(tmp_path: Path):
    assert "command line: nett" in str(refused(tmp_path, flags={"nett": "a"}))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mailbox", "perhaps", "mailbox is 'perhaps'"),
        ("api_port", "eight", "not a whole number"),
        ("api_port", "٨", "not a whole number"),
        ("api_port", "9" * 30, "not a whole number"),
        ("retry_base_ms", "9", "retry_base_ms is 9"),
    ],
)
def test_a_bad_variable_is_refused_by_its_name(tmp_path: Path, name: str, value: str, said: str):
    error = refused(tmp_path, **{name: value})
    assert said in str(error)
    assert f"INTENTCAST_{name.upper()}" in str(error) or "environment" in str(error)


def test_a_file_that_is_no_text_or_cannot_be_read(tmp_path: Path):
    path = tmp_path / CONFIG_FILE
    path.write_bytes(b"\xff\xfe")
    assert "is not TOML" in str(refused(tmp_path))
    path.unlink()
    path.mkdir()
    assert "cannot be read" in str(refused(tmp_path))


def test_the_real_environment_is_read_when_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("INTENTCAST_NET", "lan")
    assert load_settings(tmp_path).net == "lan"


def test_a_home_is_found_where_the_platform_keeps_such_things(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert default_home({"INTENTCAST_HOME": "/h", "HOME": "/u"}) == Path("/h")
    assert default_home({"XDG_DATA_HOME": "/x", "HOME": "/u"}) == Path("/x/intentcast")
    assert default_home({"HOME": "/u"}) == Path("/u/.local/share/intentcast")
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_home({"HOME": "/u"}) == Path("/u/Library/Application Support/intentcast")
    with pytest.raises(ConfigError) as nowhere:
        default_home({})
    assert nowhere.value.code == "E-HOME"


@pytest.mark.parametrize(
    ("key", "parts", "said", "fix"),
    [
        ("peers", ["a:1", "foo"], "peers[1] 'foo' is not a peer: the port is missing", "foo:PORT"),
        ("advertise", ["0.0.0.0:1"], "advertise[0] '0.0.0.0:1' is not an address", "others reach"),
        ("advertise", [f"a:{port}" for port in range(1, 6)], "advertise has 5", "at most 4"),
    ],
)
def test_an_address_is_checked_before_the_start(
    tmp_path: Path, key: str, parts: list[str], said: str, fix: str
):
    (tmp_path / "config.toml").write_text(f"{key} = {json.dumps(parts)}")
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, environ={})
    assert caught.value.code == "E-CONFIG"
    assert caught.value.sentence.startswith(f"config.toml: {said}")
    assert fix in caught.value.fix
    (tmp_path / "config.toml").unlink()
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, {key: parts}, environ={})
    option = {"peers": "--peer", "advertise": "--advertise"}[key]
    assert caught.value.sentence.startswith(option)


def test_what_is_advertised_for_nothing_is_said():
    assert Settings(advertise=["a:1"], listen_port=9401).notices() == []
    (notice,) = Settings(advertise=["a:1"]).notices()
    assert "--listen HOST:PORT" in notice
