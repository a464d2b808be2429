"""The downloader against a server that misbehaves in every way that a web of 2020 does by now."""

import gzip
import itertools
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image

from yogalib.__main__ import main
from yogalib.dataset.download import JOURNAL, download, summarise
from yogalib.dataset.fetch import Fetcher, Limits, Refused, _Stream

# patient with answers that come, however busy this machine is, and not with those that don't
LIMITS = Limits(seconds=60.0, idle=30.0, megabytes=2.0, redirects=4, attempts=2, pause=0.01, allow_private=True)
HASTY = replace(LIMITS, seconds=2.0, idle=1.0)


def encoded(kind: str = "JPEG", size=(80, 60), **options) -> bytes:
    out = BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(out, kind, **options)
    return out.getvalue()


JPEG, PNG, WEBP, GIF = (encoded(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF"))


def huge_png() -> bytes:
    """A picture of 100 megapixels in a few kilobytes."""
    out = BytesIO()
    Image.new("1", (10_000, 10_000)).save(out, "PNG", optimize=True)
    return out.getvalue()


# path: status, headers, body; what is not a plain answer is in Odd.do_GET
PLAIN = {
    "ok.jpg": (200, {"Content-Type": "image/jpeg"}, JPEG),
    "png-as.jpg": (200, {"Content-Type": "image/jpeg"}, PNG),
    "webp.jpg": (200, {"Content-Type": "image/webp"}, WEBP),
    "gif.jpg": (200, {"Content-Type": "image/gif"}, GIF),
    "text-type.jpg": (200, {"Content-Type": "text/html"}, JPEG),
    "no-type.jpg": (200, {}, JPEG),
    "gzipped.jpg": (200, {"Content-Encoding": "gzip"}, gzip.compress(JPEG)),
    "400.jpg": (400, {}, b"bad"),
    "401.jpg": (401, {}, b"who"),
    "403.jpg": (403, {}, b"no"),
    "404.jpg": (404, {}, b"gone"),
    "404-with-picture.jpg": (404, {"Content-Type": "image/jpeg"}, JPEG),
    "410.jpg": (410, {}, b"gone"),
    "429.jpg": (429, {}, b"slower"),
    "451.jpg": (451, {}, b"law"),
    "500.jpg": (500, {}, b"oops"),
    "502.jpg": (502, {}, b"oops"),
    "503.jpg": (503, {}, b"oops"),
    "204.jpg": (204, {}, b""),
    "304.jpg": (304, {}, b""),
    "empty.jpg": (200, {"Content-Type": "image/jpeg"}, b""),
    "soft-404.jpg": (200, {"Content-Type": "text/html"}, b"<html><body>page not found</body></html>"),
    "html-as.jpg": (200, {"Content-Type": "image/jpeg"}, b"<!DOCTYPE html><html>hotlinking</html>"),
    "svg.jpg": (200, {"Content-Type": "image/svg+xml"}, b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "json.jpg": (200, {"Content-Type": "application/json"}, b'{"error": "gone"}'),
    "pdf.jpg": (200, {"Content-Type": "application/pdf"}, b"%PDF-1.4 ..."),
    "truncated.jpg": (200, {"Content-Type": "image/jpeg"}, JPEG[: len(JPEG) // 2]),
    "truncated-png.jpg": (200, {"Content-Type": "image/png"}, PNG[: len(PNG) // 2]),
    "header-only.jpg": (200, {"Content-Type": "image/jpeg"}, JPEG[:20]),
    "noise.jpg": (200, {"Content-Type": "image/jpeg"}, bytes(range(256)) * 8),
    "huge.jpg": (200, {"Content-Type": "image/png"}, huge_png()),
    "gzip-bomb.jpg": (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(30_000_000))),
    "broken-gzip.jpg": (200, {"Content-Encoding": "gzip"}, b"this is no gzip"),
    "noai.jpg": (200, {"X-Robots-Tag": "noai, noimageai"}, JPEG),
    "noimageai.jpg": (200, {"X-Robots-Tag": "NoImageAI"}, JPEG),
    "noindex.jpg": (200, {"X-Robots-Tag": "noindex"}, JPEG),
    "redirect.jpg": (302, {"Location": "/ok.jpg"}, b""),
    "moved.jpg": (301, {"Location": "/ok.jpg"}, b""),
    "redirect-to-404.jpg": (302, {"Location": "/404.jpg"}, b""),
    "loop.jpg": (302, {"Location": "/loop.jpg"}, b""),
    "to-file.jpg": (302, {"Location": "file:///etc/hostname"}, b""),
    "to-ftp.jpg": (302, {"Location": "ftp://127.0.0.1/ok.jpg"}, b""),
    "to-nowhere.jpg": (302, {"Location": "http://no-such-host.invalid/ok.jpg"}, b""),
    "no-location.jpg": (302, {}, b""),
}
EXPECTED = {
    **dict.fromkeys(("ok.jpg", "png-as.jpg", "webp.jpg", "gif.jpg", "text-type.jpg", "no-type.jpg"), "ok"),
    **dict.fromkeys(
        ("gzipped.jpg", "noindex.jpg", "redirect.jpg", "moved.jpg", "chunked.jpg", "flaky.jpg", "slow-but-whole.jpg"),
        "ok",
    ),
    **{f"{code}.jpg": f"http_{code}" for code in (400, 401, 403, 404, 410, 429, 451, 500, 502, 503, 204, 304)},
    "404-with-picture.jpg": "http_404",
    "redirect-to-404.jpg": "http_404",
    "no-location.jpg": "http_302",
    "empty.jpg": "empty",
    **dict.fromkeys(
        ("soft-404.jpg", "html-as.jpg", "svg.jpg", "json.jpg", "pdf.jpg", "noise.jpg", "header-only.jpg"),
        "not_an_image",
    ),
    **dict.fromkeys(("truncated.jpg", "truncated-png.jpg"), "truncated"),
    "huge.jpg": "too_large",
    "gzip-bomb.jpg": "too_many_bytes",
    "endless.jpg": "too_many_bytes",
    "broken-gzip.jpg": "bad_encoding",
    **dict.fromkeys(("noai.jpg", "noimageai.jpg"), "noai"),
    **dict.fromkeys(("loop.jpg", "endless-redirect.jpg"), "redirect_loop"),
    **dict.fromkeys(("to-file.jpg", "to-ftp.jpg"), "bad_url"),
    "to-nowhere.jpg": "no_host",
    **dict.fromkeys(("drip.jpg", "silent.jpg", "header-drip.jpg"), "timeout"),
    **dict.fromkeys(("too-short.jpg", "cut-chunk.jpg"), "cut_off"),
    "bad-status.jpg": "bad_answer",
    **dict.fromkeys(("not-http.jpg", "hang-up.jpg", "reset.jpg"), "reset"),
}


ASKED: dict[str, int] = {}  # requests by name


class Odd(BaseHTTPRequestHandler):
    """A server of 2020 as it is today."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        name = self.path.lstrip("/").partition("?")[0]
        ASKED[name] = ASKED.get(name, 0) + 1
        self.close_connection = True
        try:
            if name in PLAIN:
                self.answer(*PLAIN[name])
            else:
                getattr(self, name.removesuffix(".jpg").replace("-", "_"))()
        except OSError:
            pass  # the other side left

    def answer(self, status, headers, body, length=None):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def flaky(self):
        self.answer(*((503, {}, b"") if ASKED["flaky.jpg"] == 1 else (200, {}, JPEG)))

    def chunked(self, whole=True):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (JPEG[:100], JPEG[100:]) if whole else (JPEG[:100],):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if whole:
            self.wfile.write(b"0\r\n\r\n")

    def cut_chunk(self):
        self.chunked(whole=False)

    def too_short(self):
        self.answer(200, {}, JPEG, length=len(JPEG) + 1000)

    def endless(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(bytes(65536))

    def endless_redirect(self):
        place = int(self.path.partition("?")[2] or 0)
        self.answer(302, {"Location": f"/endless-redirect.jpg?{place + 1}"}, b"")

    def slow_but_whole(self):
        self.answer(200, {}, JPEG[:50], length=len(JPEG))
        time.sleep(0.4)
        self.wfile.write(JPEG[50:])

    def drip(self):
        self.answer(200, {}, b"", length=1000)
        for _ in range(40):
            time.sleep(0.2)
            self.wfile.write(b"x")

    def header_drip(self):
        for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 60:
            self.wfile.write(bytes([letter]))
            time.sleep(0.15)

    def silent(self):
        time.sleep(3)

    def not_http(self):
        self.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n")

    def bad_status(self):
        self.wfile.write(b"HTTP/1.1 fine thank you\r\n\r\n")

    def hang_up(self):
        pass  # closes without a word

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nabc")
        self.wfile.flush()
        self.connection.close()


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as odd:
        odd.daemon_threads = True
        threading.Thread(target=odd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{odd.server_port}"
        odd.shutdown()


def write_lists(folder, urls: dict[str, str], pose="Tree_Pose_or_Vrksasana_"):
    links = folder / "yoga_dataset_links"
    links.mkdir(parents=True)
    lines = [f"{pose}/{name}\t{url}" for name, url in urls.items()]
    (links / f"{pose}.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_every_kind_of_bad_answer_has_its_status(server, tmp_path):
    assert sum(status != "ok" for status in EXPECTED.values()) >= 40
    urls = {name: f"{server}/{name}" for name in EXPECTED}
    urls |= {"dead.jpg": "http://no-such-host.invalid/a.jpg", "closed.jpg": "http://127.0.0.1:9/a.jpg"}
    urls |= {
        "file.jpg": "file:///etc/passwd",
        "ftp.jpg": "ftp://127.0.0.1/a.jpg",
        "words.jpg": "see page 3",
        "port.jpg": "http://a:b/c",
    }
    expected = EXPECTED | {"dead.jpg": "no_host", "closed.jpg": "no_connection"}
    expected |= dict.fromkeys(("file.jpg", "ftp.jpg", "words.jpg", "port.jpg"), "bad_url")
    told = {}
    for limits, late in ((HASTY, True), (LIMITS, False)):
        chosen = {name: url for name, url in urls.items() if (expected[name] == "timeout") == late}
        rows = download(write_lists(tmp_path / f"lists-{late}", chosen), tmp_path / "out", limits)
        told |= dict(zip(rows["path"].str.rpartition("/")[2], rows["status"], strict=True))
    assert {name: (told[name], status) for name, status in expected.items() if told[name] != status} == {}
    files = {path.name for path in (tmp_path / "out").rglob("*.jpg")}
    assert files == {name for name, status in expected.items() if status == "ok"}
    assert not list((tmp_path / "out").rglob("*.partial"))
    assert list(pd.read_csv(tmp_path / "out" / JOURNAL).columns) == ["path", "url", "status", "detail"]


@pytest.fixture
def scripted():
    """A server that answers its n-th connection by the n-th function of a list; yields the list and the server's address."""
    script, listening = [], socket.create_server(("127.0.0.1", 0))

    def serve():
        for number in itertools.count():
            try:
                connection, _ = listening.accept()
            except OSError:  # the test is over
                return
            script[number](connection)

    threading.Thread(target=serve, daemon=True).start()
    yield script, f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
SLOWER = b"HTTP/1.1 429 Slower\r\nContent-Length: 9\r\n\r\n"


def asked_once(url: str, fetcher: Fetcher | None = None) -> str:
    """The status of a URL that is refused."""
    with pytest.raises(Refused) as refused:
        (fetcher or Fetcher(replace(LIMITS, attempts=1))).fetch(url)
    return refused.value.status


@pytest.mark.parametrize("unread", [0, socket.MSG_PEEK], ids=["closed", "reset"])
def test_connection_closed_while_idle_is_no_answer_to_the_next_request(scripted, unread):
    """How `http_429` became `reset` on a busy machine: asked over a connection that the server was about to close."""
    script, server = scripted

    def answer_one_and_leave(connection):
        connection.recv(4096)
        connection.sendall(WHOLE)
        connection.recv(4096, unread)  # the next request has come; a kernel resets what is closed with bytes unread
        connection.close()

    def refuse(connection):
        connection.recv(4096)
        connection.sendall(SLOWER)
        connection.close()

    script[:] = [answer_one_and_leave, refuse]
    fetcher = Fetcher(replace(LIMITS, attempts=1))
    assert fetcher.fetch(f"{server}/first.jpg") == b"abc"
    assert asked_once(f"{server}/429.jpg", fetcher) == "http_429"


def test_server_that_drops_each_connection_after_a_redirect_is_followed_all_the_same(scripted):
    script, server = scripted

    def answer(content):
        def once(connection):
            connection.recv(4096)
            connection.sendall(content)
            connection.recv(4096, socket.MSG_PEEK)
            connection.close()

        return once

    moved = b"HTTP/1.1 302 Found\r\nLocation: /next.jpg\r\nContent-Length: 0\r\n\r\n"
    script[:] = [answer(moved), answer(moved), answer(WHOLE)]
    assert Fetcher(replace(LIMITS, attempts=1)).fetch(f"{server}/first.jpg") == b"abc"


def test_status_that_came_before_a_reset_is_kept(scripted, monkeypatch):
    script, server = scripted
    gone, read = threading.Event(), _Stream.read

    def refuse_and_reset(connection):
        connection.recv(10)  # the rest of the request stays unread
        connection.sendall(SLOWER)
        connection.close()
        gone.set()

    def read_late(stream, *arguments, **options):
        assert gone.wait(5)
        return read(stream, *arguments, **options)

    monkeypatch.setattr(_Stream, "read", read_late)
    script[:] = [refuse_and_reset]
    assert asked_once(f"{server}/429.jpg") == "http_429"


def test_reset_of_a_new_connection_stays_a_reset(scripted):
    script, server = scripted
    script[:] = [lambda connection: (connection.recv(10), connection.close())]
    assert asked_once(f"{server}/429.jpg") == "reset"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "localhost",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "192.168.1.1",
        "0x7f.1",
    ],
)
def test_private_addresses_are_refused_however_they_are_written(host, server):
    port = server.rpartition(":")[2]
    with pytest.raises(Refused) as refused:
        Fetcher(Limits(seconds=2, attempts=1)).fetch(f"http://{host}:{port}/ok.jpg")
    assert refused.value.status in ("private_address", "no_host")
    assert host in ("0x7f.1",) or refused.value.status == "private_address"


def test_a_redirect_to_a_private_address_is_refused(server, monkeypatch):
    real = socket.getaddrinfo

    def resolve(host, port, *args, **options):  # a public name whose server sends us on to this machine
        return (
            real("127.0.0.1", port, *args, **options)
            if host == "public.example"
            else real(host, port, *args, **options)
        )

    monkeypatch.setattr("yogalib.dataset.fetch.socket.getaddrinfo", resolve)
    monkeypatch.setattr(
        "yogalib.dataset.fetch._is_public", lambda address: resolve.asked.append(address) or len(resolve.asked) == 1
    )
    resolve.asked = []
    monkeypatch.setitem(PLAIN, "to-private.jpg", (302, {"Location": f"{server}/ok.jpg"}, b""))
    with pytest.raises(Refused) as refused:
        Fetcher(Limits(seconds=2, attempts=1)).fetch(
            f"http://public.example:{server.rpartition(':')[2]}/to-private.jpg"
        )
    assert refused.value.status == "private_address"
    assert len(resolve.asked) == 2, "looked at again after the redirect"


def test_row_that_leaves_the_folder_has_its_status_and_keeps_no_other_from_coming(server, tmp_path, capsys):
    lists = write_lists(tmp_path / "lists", {"good.jpg": f"{server}/ok.jpg?astray"})
    pose, before = "Tree_Pose_or_Vrksasana_", ASKED.get("ok.jpg", 0)
    astray = ["../x.jpg", "/x.jpg", f"{tmp_path}/x.jpg", "x.jpg", "No_Such_Pose/x.jpg", f"{pose}/../../x.jpg"]
    names = ["", "..", ".hidden.jpg", "a\\b.jpg", "c:x.jpg", f"{'x' * 300}.jpg", "a\0.jpg"]
    astray += [f"{pose}/{name}" for name in names]
    with (lists / "yoga_dataset_links" / f"{pose}.txt").open("a") as file:
        file.writelines(f"{path}\t{server}/ok.jpg?astray\n" for path in astray)
    command = ["download", "--lists", str(lists), "--out", str(tmp_path / "out"), "--allow-private-addresses"]
    for _ in range(2):
        assert main(command) == 0
        told = capsys.readouterr()
        assert "1 of 14 files" in told.out
        assert told.err.splitlines()[-1] == (
            "yogalib: 13 of the lists' rows, such as ../x.jpg, name no file in a pose's folder and were left out"
        )
    rows = pd.read_csv(tmp_path / "out" / JOURNAL).set_index("path")["status"]
    assert rows.value_counts().to_dict() == {"bad_path": 13, "ok": 1}
    assert {path.name for path in tmp_path.rglob("*.jpg")} == {"good.jpg"}
    assert ASKED["ok.jpg"] == before + 1


def test_one_url_is_fetched_once_and_failures_only_when_asked_again(server, tmp_path):
    urls = {"1.jpg": f"{server}/ok.jpg?twice", "2.jpg": f"{server}/ok.jpg?twice", "3.jpg": f"{server}/404.jpg?x"}
    lists, out = write_lists(tmp_path / "lists", urls), tmp_path / "out"
    before = dict(ASKED)
    asked = lambda: {name: ASKED.get(name, 0) - before.get(name, 0) for name in ("ok.jpg", "404.jpg")}
    download(lists, out, LIMITS)
    assert asked() == {"ok.jpg": 1, "404.jpg": 1}
    download(lists, out, LIMITS)
    assert asked() == {"ok.jpg": 1, "404.jpg": 1}, "nothing left to do"
    (out / "Tree_Pose_or_Vrksasana_" / "1.jpg").unlink()
    rows = download(lists, out, LIMITS, again=True)
    assert asked() == {"ok.jpg": 2, "404.jpg": 2}
    assert rows["status"].tolist() == ["ok", "ok", "http_404"]


def test_journal_forgives_half_a_last_line(server, tmp_path):
    lists, out = (
        write_lists(tmp_path / "lists", {"1.jpg": f"{server}/ok.jpg", "2.jpg": f"{server}/404.jpg"}),
        tmp_path / "out",
    )
    download(lists, out, LIMITS)
    text = (out / JOURNAL).read_text()
    (out / JOURNAL).write_text(text[: text.rindex("http_404") + 3])
    assert download(lists, out, LIMITS)["status"].tolist() == ["ok", "http_404"]
    assert (out / JOURNAL).read_text() == text


@pytest.mark.slow
def test_twenty_kills_lose_nothing(server, tmp_path, shared):
    """The real lists, their URLs mapped onto the server, killed at random moments."""
    kinds = ["ok.jpg", "png-as.jpg", "404.jpg", "soft-404.jpg", "truncated.jpg", "redirect.jpg"]
    lists, out, total = tmp_path / "lists", tmp_path / "out", 0
    (lists / "yoga_dataset_links").mkdir(parents=True)
    for file in sorted((shared / "yoga82" / "yoga_dataset_links").glob("*.txt"))[:12]:
        rows = [line.split("\t")[0] for line in file.read_text().splitlines() if line.strip()]
        lines = [f"{path}\t{server}/{kinds[place % len(kinds)]}?{file.stem}{place}" for place, path in enumerate(rows)]
        (lists / "yoga_dataset_links" / file.name).write_text("\n".join(lines) + "\n")
        total += len(rows)
    command = [
        sys.executable,
        "-m",
        "yogalib",
        "download",
        "--lists",
        str(lists),
        "--out",
        str(out),
        "--allow-private-addresses",
        "--workers",
        "4",
    ]
    rng, before = np.random.default_rng(0), 0
    for _ in range(20):
        started = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(1.5, 4))  # the workers take a second to start
        started.kill()
        started.wait()
        known = out / JOURNAL
        done = len([line for line in known.read_text().splitlines() if line]) if known.exists() else 0
        assert done >= before - 1, "rows were lost"  # half a line may be
        before = done
    assert 0 < before < total, "the kills came too early or too late to cut anything short"
    last = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert last.returncode == 0, last.stderr
    rows = pd.read_csv(out / JOURNAL)
    assert len(rows) == total
    assert rows["status"].value_counts().keys().isin(["ok", "http_404", "not_an_image", "truncated"]).all()
    good = rows[rows["status"] == "ok"]["path"]
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.jpg")} == set(good)
    assert all(Image.open(out / path).size == (80, 60) for path in good[:50])
    assert f"{len(good):,} of {total:,} files" in last.stdout


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems answer on 127.0.0.1 alone")
def test_benchmark_of_the_downloader_ends_with_a_status_for_every_row(shared):
    script = ROOT / "tests" / "dataset" / "bench_download.py"
    command = [sys.executable, str(script), str(shared / "yoga82"), "--rows", "500"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "500 rows" in done.stdout


def test_summary_compares_with_the_papers_yield_and_names_classes_at_risk():
    paths = [f"Tree_Pose_or_Vrksasana_/{number}.jpg" for number in range(300)]
    rows = pd.DataFrame({"path": paths, "url": "", "status": ["ok"] * 290 + ["http_404"] * 10, "detail": ""})
    statuses, classes = summarise(rows)
    assert statuses.to_dict() == {"ok": 290, "http_404": 10}
    assert len(classes) == 82
    tree = classes.set_index("folder").loc["Tree_Pose_or_Vrksasana_"]
    assert (tree["listed"], tree["ok"]) == (300, 290)
    assert tree["at_risk"] == (0.5 * tree["paper"] > 290)
    assert classes["at_risk"].sum() >= 81


def test_download_refuses_a_folder_without_lists_in_one_line(tmp_path, capsys):
    assert main(["download", "--lists", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "holds no link lists" in capsys.readouterr().err
