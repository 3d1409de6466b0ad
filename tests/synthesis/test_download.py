"""Downloading one file, from a real server on this machine that behaves well or badly."""

import gzip
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edarl.errors import ConfigError, LibraryError
from edarl.synthesis import download as module
from edarl.synthesis.download import DownloadError, DownloadLimits, download
from tests.synthesis import web as answers
from tests.synthesis.web import Web, closed_port, full_house, redirect, status, web_server

DATA = b"library (tiny) { }\n" * 10_000
CAME = hashlib.sha256(DATA).hexdigest()
FAST = DownloadLimits(tries=3, pause_s=1e-3)
ONCE = DownloadLimits(tries=1)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    answers.forget_settings(monkeypatch)


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as running:
        yield running


class Got:
    """Downloads to a file of the test, and keeps what was reported."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "file.lib"
        self.counts: list[tuple[int, int | None]] = []
        self.retries: list[str] = []

    def __call__(self, url: str, limits: DownloadLimits = FAST) -> str:
        return download(
            url,
            self.file,
            limits=limits,
            on_bytes=lambda done, total: self.counts.append((done, total)),
            on_retry=self.retries.append,
        )


@pytest.fixture
def get(tmp_path: Path) -> Got:
    return Got(tmp_path)


def why(get: Got, url: str, limits: DownloadLimits = FAST) -> DownloadError:
    with pytest.raises(DownloadError) as caught:
        get(url, limits)
    assert "\n" not in str(caught.value)
    return caught.value


def host(web: Web) -> str:
    return web.url.partition("//")[2]


# ----------------------------------------------------------------- it works


def test_a_file_comes_whole_and_is_counted(web: Web, get: Got) -> None:
    web.serve("/a.lib", DATA)
    assert get(f"{web.url}/a.lib") == CAME
    assert get.file.read_bytes() == DATA
    assert get.counts[0] == (0, len(DATA))
    assert get.counts[-1] == (len(DATA), len(DATA))
    assert len(get.counts) > 2
    assert get.counts == sorted(get.counts)
    assert web.agents == [f"edarl/{module.__version__}"]
    assert not get.retries


def test_a_server_need_not_say_how_long_the_file_is(web: Web, get: Got) -> None:
    web.serve("/a.lib", answers.content(DATA, says_length=False))
    assert get(f"{web.url}/a.lib") == CAME
    assert get.counts[-1] == (len(DATA), None)


def test_a_compressed_file_stays_compressed_whatever_the_server_calls_it(
    web: Web, get: Got
) -> None:
    data = gzip.compress(DATA, mtime=0)
    web.serve("/a.lib.gz", answers.content(data, encoding="gzip"))
    assert get(f"{web.url}/a.lib.gz") == hashlib.sha256(data).hexdigest()
    assert get.file.read_bytes() == data


def test_a_redirect_on_this_machine_is_followed(web: Web, get: Got) -> None:
    web.serve("/old", redirect("/new"))
    web.serve("/new", DATA)
    assert get(f"{web.url}/old") == CAME
    assert web.requests == ["/old", "/new"]


# -------------------------------------------------------- failures that pass


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(web: Web, get: Got, code: int) -> None:
    web.serve("/a.lib", status(code), status(code), answers.content(DATA))
    assert get(f"{web.url}/a.lib") == CAME
    assert len(get.retries) == 2
    assert get.retries[0].startswith(f"{host(web)} answered {code} ")


def test_a_server_in_trouble_for_long_is_given_up(web: Web, get: Got) -> None:
    web.serve("/a.lib", status(503))
    error = why(get, f"{web.url}/a.lib")
    assert str(error) == f"{host(web)} answered 503 Service Unavailable"
    assert (error.tries, len(web.requests), len(get.retries)) == (3, 3, 2)


def test_a_file_that_broke_off_is_got_again_from_its_beginning(web: Web, get: Got) -> None:
    web.serve("/a.lib", answers.content(DATA[:1000], announced=len(DATA)), answers.content(DATA))
    assert get(f"{web.url}/a.lib") == CAME
    assert get.file.read_bytes() == DATA
    (retry,) = get.retries
    assert retry.startswith(f"no usable answer from {host(web)}: peer closed connection")
    assert f"received 1000 bytes, expected {len(DATA)}" in retry


def test_nobody_there_is_tried_again(get: Got) -> None:
    url = closed_port()
    error = why(get, f"{url}/a.lib")
    assert str(error).startswith(f"no usable answer from {url.partition('//')[2]}: ")
    assert str(error).endswith("Connection refused")
    assert error.tries == 3


def test_pauses_between_tries_grow(get: Got, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    why(get, f"{closed_port()}/a.lib", DownloadLimits(tries=4, pause_s=0.5))
    assert pauses == [0.5, 1.0, 2.0]


def test_a_silent_server_is_given_up(web: Web, get: Got) -> None:
    web.serve("/a.lib", answers.silence)
    error = why(get, f"{web.url}/a.lib", DownloadLimits(tries=2, pause_s=1e-3, timeout_s=0.1))
    assert str(error) == f"no usable answer from {host(web)}: timed out"
    assert error.tries == 2


def test_a_server_that_falls_silent_is_given_up(web: Web, get: Got) -> None:
    web.serve("/a.lib", answers.content(DATA[:10], announced=len(DATA), then_wait=True))
    error = why(get, f"{web.url}/a.lib", DownloadLimits(tries=1, timeout_s=0.1))
    assert str(error) == f"no usable answer from {host(web)}: timed out"


# --------------------------------------------------- failures that do not


def test_an_address_that_lets_nobody_in_is_asked_once(get: Got) -> None:
    with full_house() as url:
        error = why(get, f"{url}/a.lib", DownloadLimits(timeout_s=0.1, pause_s=1e-3))
    assert str(error) == f"no usable answer from {url.partition('//')[2]}: timed out"
    assert error.tries == 1


def test_a_server_that_is_never_done_is_given_up(web: Web, get: Got) -> None:
    web.serve("/a.lib", answers.slow)
    error = why(get, f"{web.url}/a.lib", DownloadLimits(total_s=0.1))
    assert str(error).startswith(f"{host(web)} is too slow: ")
    assert str(error).endswith(" bytes in 0.1 s")
    assert error.tries == 1


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_file_that_is_not_there_is_asked_for_once(web: Web, get: Got, code: int) -> None:
    web.serve("/a.lib", status(code))
    error = why(get, f"{web.url}/a.lib")
    assert f"{host(web)} answered {code} " in str(error)
    assert (error.tries, len(web.requests)) == (1, 1)


def test_a_file_that_is_announced_as_too_large_is_not_read(web: Web, get: Got) -> None:
    web.serve("/a.lib", DATA)
    error = why(get, f"{web.url}/a.lib", DownloadLimits(max_bytes=1000))
    assert str(error) == (
        f"the file should have at most 1000 bytes, but {host(web)} announces {len(DATA)}"
    )
    assert len(web.requests) == 1


def test_a_file_that_becomes_too_large_is_cut_off(web: Web, get: Got) -> None:
    web.serve("/a.lib", answers.endless)
    error = why(get, f"{web.url}/a.lib", DownloadLimits(max_bytes=100_000))
    assert str(error) == "the file should have at most 100000 bytes, but more came"
    assert get.file.stat().st_size <= 100_000


@pytest.mark.parametrize(
    "target",
    ["http://elsewhere.invalid/a.lib", "file://localhost/etc/passwd", "ftp://elsewhere.invalid/a"],
)
def test_a_redirect_elsewhere_without_encryption_is_refused(
    web: Web, get: Got, target: str
) -> None:
    web.serve("/a.lib", redirect(target))
    error = why(get, f"{web.url}/a.lib")
    assert str(error) == f"{host(web)} redirects to {target!r}, but only https is followed"
    assert error.tries == 1


@pytest.mark.parametrize(
    "target", ["https://oops:port/a.lib", "", f"https://{'a' * 70}/", "https://\xe4.invalid:x/ y"]
)
def test_a_redirect_to_nothing_is_refused(web: Web, get: Got, target: str) -> None:
    web.serve("/a.lib", redirect(target))
    assert isinstance(why(get, f"{web.url}/a.lib"), DownloadError)
    assert set(web.requests) == {"/a.lib"}


def test_a_redirect_without_an_address_is_an_answer_like_any_other(web: Web, get: Got) -> None:
    web.serve("/a.lib", status(302))
    assert str(why(get, f"{web.url}/a.lib")) == f"{host(web)} answered 302 Found"


def test_the_page_that_comes_with_a_redirect_is_not_read(web: Web, get: Got) -> None:
    web.serve("/old", redirect("/new", then_endless=True))
    web.serve("/new", DATA)
    assert get(f"{web.url}/old") == CAME


def test_redirects_in_a_circle_end(web: Web, get: Got) -> None:
    web.serve("/a.lib", redirect("/b.lib"))
    web.serve("/b.lib", redirect("/a.lib"))
    assert str(why(get, f"{web.url}/a.lib")) == f"{host(web)} redirects more than 5 times"
    assert len(web.requests) == 6


def test_an_answer_that_is_not_http_is_an_error(web: Web, get: Got) -> None:
    web.serve("/a.lib", lambda handler: handler.wfile.write(b"\x1b[31mhello\r\n\r\n") and None)
    error = why(get, f"{web.url}/a.lib", ONCE)
    assert str(error).startswith(f"no usable answer from {host(web)}: ")
    assert str(error).isprintable()


def test_a_full_disk_is_not_taken_for_a_failing_network(web: Web, get: Got) -> None:
    get.file = Path("/dev/full")
    web.serve("/a.lib", DATA)
    with pytest.raises(LibraryError, match=r"/dev/full cannot be written: No space left") as caught:
        get(f"{web.url}/a.lib")
    assert not isinstance(caught.value, DownloadError)
    assert len(web.requests) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("timeout_s", 0), ("total_s", -1), ("max_bytes", 0), ("tries", 0), ("pause_s", -0.1),
     ("timeout_s", float("nan")), ("total_s", float("inf"))],
)  # fmt: skip
def test_limits_that_are_none_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"`{name}` should be .*, actual value: {value}"):
        DownloadLimits(**{name: value})  # type: ignore[arg-type]


# ------------------------------------------------------------------ proxies


def test_the_proxy_of_the_environment_is_asked(
    web: Web, get: Got, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", web.url)
    web.serve("http://mirror.invalid/a.lib", DATA)
    assert get("http://mirror.invalid/a.lib") == CAME
    assert web.requests == ["http://mirror.invalid/a.lib"]


def test_no_proxy_leads_past_it(web: Web, get: Got, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", closed_port())
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web.serve("/a.lib", DATA)
    assert get(f"{web.url}/a.lib") == CAME


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_named_without_its_password(
    get: Got, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy = closed_port().partition("//")[2]
    monkeypatch.setenv(f"{scheme}_proxy", f"http://joe:secret@{proxy}/")
    said = str(why(get, f"{scheme}://mirror.invalid/a.lib"))
    assert said.startswith(f"no usable answer from mirror.invalid through the proxy {proxy}: ")
    assert said.endswith("Connection refused")


def test_a_proxy_for_all_addresses_is_asked(
    web: Web, get: Got, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", host(web))  # http is meant where nothing is said
    web.serve("http://mirror.invalid/a.lib", DATA)
    assert get("http://mirror.invalid/a.lib") == CAME


def test_the_proxy_for_the_kind_of_address_comes_first(
    web: Web, get: Got, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", web.url)
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")  # as many machines have it
    web.serve("http://mirror.invalid/a.lib", DATA)
    assert get("http://mirror.invalid/a.lib") == CAME


def test_a_proxy_that_refuses_to_lead_on_is_asked_once(
    web: Web, get: Got, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", web.url)  # which knows nothing but GET
    error = why(get, "https://mirror.invalid/a.lib")
    assert "through the proxy" in str(error)
    assert "501" in str(error)
    assert error.tries == 1


def test_a_proxy_that_is_no_address_is_an_error(get: Got, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:port")
    assert "through the proxy proxy.invalid:port" in str(why(get, "http://mirror.invalid/a.lib"))


@pytest.mark.parametrize("scheme", ["socks", "socks5"])
def test_a_proxy_of_a_kind_that_cannot_be_used_is_an_error(
    get: Got, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy = closed_port().partition("//")[2]
    monkeypatch.setenv("all_proxy", f"{scheme}://joe:secret@{proxy}")
    error = why(get, "https://mirror.invalid/a.lib")
    assert str(error).startswith(f"no usable answer from mirror.invalid through the proxy {proxy}:")
    assert "secret" not in str(error)


# --------------------------------------------------------------- encryption


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, with its key, that nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(file), "-out", str(file.with_suffix(".crt"))],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file


@pytest.fixture
def secure(certificate: Path) -> Iterator[Web]:
    with web_server(certificate) as running:
        yield running


def test_a_certificate_that_nobody_knows_is_refused_and_the_way_out_is_named(
    secure: Web, get: Got
) -> None:
    secure.serve("/a.lib", DATA)
    error = why(get, f"{secure.url}/a.lib")
    assert str(error).startswith(f"no usable answer from {host(secure)}: ")
    assert "certificate verify failed: self" in str(error)
    assert str(error).endswith("SSL_CERT_FILE names its file")
    assert error.tries == 1
    assert not secure.requests


def test_an_authority_of_ones_own_is_named_by_the_environment(
    secure: Web, certificate: Path, get: Got, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    secure.serve("/a.lib", redirect("/b.lib"))
    secure.serve("/b.lib", DATA)
    assert get(f"{secure.url}/a.lib") == CAME


def test_a_redirect_out_of_encryption_is_refused(
    secure: Web, web: Web, certificate: Path, get: Got, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    secure.serve("/a.lib", redirect(f"{web.url}/a.lib"))
    web.serve("/a.lib", DATA)
    assert str(why(get, f"{secure.url}/a.lib")) == (
        f"{host(secure)} redirects to '{web.url}/a.lib', but only https is followed"
    )
    assert not web.requests
