"""How fast does the downloader go? Every row of the official lists, from a server on this machine (Linux; no other is contacted).

`python tests/dataset/bench_download.py LISTS [--rows 2000]`: each host of the lists becomes an address of its own in 127.0.0.0/8, so that the
limit per host and the reuse of connections work as on the web; two thirds of the rows answer with a picture, the others with what
a web of 2020 has come to. Prints files a second, the cores kept busy, and the statuses, each held against what the server sent.
"""

import argparse
import asyncio
import gzip
import multiprocessing
import os
import resource
import socket
import tempfile
import time
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from yogalib.dataset.download import download
from yogalib.dataset.fetch import Limits
from yogalib.dataset.lists import LINK_FOLDER, read_link_lists

LIMITS = Limits(seconds=10, idle=1, attempts=2, pause=0.05, allow_private=True)
# share of the rows, in percent, and the status that a row must end with; the paper got 19,127 of 28,450: 67 %
KINDS = {
    "picture": (62, "ok"), "gzipped": (1, "ok"), "redirect": (4, "ok"), "gone": (13, "http_404"), "forbidden": (4, "http_403"),
    "page": (7, "not_an_image"), "empty": (1, "empty"), "truncated": (2, "truncated"), "noai": (1, "noai"), "busy": (1, "http_503"),
    "hang-up": (1, "reset"), "cut": (1, "cut_off"), "closed": (1.7, "no_connection"), "silent": (0.3, "timeout"),
}  # fmt: skip


def pictures(count: int = 50) -> list[bytes]:
    """JPEGs of 500 x 375, about 40 kB each."""
    rng, found = np.random.default_rng(0), []
    for _ in range(count):
        image = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).resize((500, 375), Image.BICUBIC)
        image.save(out := BytesIO(), "JPEG", quality=90)
        found.append(out.getvalue())
    return found


def answers(kind: str, picture: bytes) -> bytes:
    """The bytes that a kind of row is answered with."""
    status, headers, body, length = "200 OK", "Content-Type: image/jpeg\r\n", picture, None
    if kind == "gzipped":
        headers, body = headers + "Content-Encoding: gzip\r\n", gzip.compress(picture, 1)
    elif kind == "redirect":
        status, headers, body = "302 Found", "Location: /picture/moved.jpg\r\n", b""
    elif kind in ("gone", "forbidden", "busy"):
        status, body = {"gone": "404 Not Found", "forbidden": "403 Forbidden", "busy": "503 Busy"}[kind], b"no"
    elif kind == "page":
        headers, body = "Content-Type: text/html\r\n", b"<!doctype html><html>" + b"<p>buy this domain" * 500
    elif kind == "noai":
        headers += "X-Robots-Tag: noai\r\n"
    elif kind in ("empty", "truncated"):
        body = picture[: len(picture) // 2] if kind == "truncated" else b""
    elif kind == "cut":
        body, length = picture[:1000], len(picture)
    return (
        f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode()
        + body
    )


class Answer(asyncio.Protocol):
    """One connection of the server; all answers are made beforehand, to leave the cores to the downloader."""

    ready: dict[str, list[bytes]]

    def connection_made(self, transport):
        self.transport, self.asked = transport, b""

    def data_received(self, data):
        self.asked += data
        while b"\r\n\r\n" in self.asked:
            request, _, self.asked = self.asked.partition(b"\r\n\r\n")
            path = request.split(b" ", 2)[1].decode()
            kind = path.split("/")[1]
            if kind == "hang-up":
                return self.transport.abort()
            if kind != "silent":
                self.transport.write(self.ready[kind][hash(path) % len(self.ready[kind])])
            if kind == "cut":
                self.transport.close()
        return None


def serve(addresses: list[str], port) -> None:
    """Answer on all addresses, one port; tell its number, and go on until the end."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    bodies = pictures()
    Answer.ready = {kind: [answers(kind, body) for body in bodies] for kind in KINDS}

    async def run():
        first, *others = addresses
        sockets = [socket.create_server((first, 0), backlog=128)]
        number = sockets[0].getsockname()[1]
        sockets += [socket.create_server((address, number), backlog=128) for address in others]
        servers = [await asyncio.get_running_loop().create_server(Answer, sock=each) for each in sockets]
        port.send(number)
        await asyncio.gather(*(server.serve_forever() for server in servers))

    asyncio.run(run())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lists", type=Path)
    parser.add_argument("--rows", type=int, help="so many rows, drawn at random (all)")
    parser.add_argument("--workers", type=int, default=64)
    arguments = parser.parse_args()
    links = read_link_lists(arguments.lists)
    links = links if arguments.rows is None else links.sample(arguments.rows, random_state=0)
    names = {url: urlsplit(url).netloc for url in links["url"]}
    hosts = {name: f"127.0.{1 + n // 254}.{1 + n % 254}" for n, name in enumerate(dict.fromkeys(names.values()))}
    numbers = links["url"].factorize()[0]  # a URL that stands in two lists is asked for once
    shares = [share / 100 for share, _ in KINDS.values()]
    kinds = np.random.default_rng(0).choice(list(KINDS), len(links), p=shares)[numbers]
    spawn = multiprocessing.get_context("spawn")
    told, telling = spawn.Pipe(duplex=False)
    server = spawn.Process(target=serve, args=(list(hosts.values()), telling), daemon=True)
    server.start()
    port = told.recv()
    with tempfile.TemporaryDirectory() as work:
        lists = Path(work, "lists", LINK_FOLDER)
        lists.mkdir(parents=True)
        lines = [
            f"{path}\thttp://{hosts[names[url]]}:{9 if kind == 'closed' else port}/{kind}/{number}.jpg"
            for number, path, url, kind in zip(numbers, links["path"], links["url"], kinds, strict=True)
        ]
        (lists / "all.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        start, before = time.perf_counter(), time.process_time()
        rows = download(lists.parent, Path(work, "out"), LIMITS, arguments.workers)
        wall, own = time.perf_counter() - start, time.process_time() - before
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)  # the downloader's processes; the server has not ended yet
    busy = own + ended.ru_utime + ended.ru_stime
    server.terminate()
    server.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    theirs = used.ru_utime + used.ru_stime - (busy - own)
    print(
        f"{len(rows):,} rows, {len(hosts):,} hosts, {wall:.1f} s: {len(rows) / wall:.0f} files a second, {arguments.workers} at a time"
    )
    print(
        f"cores busy: {busy / wall:.2f} here, {theirs / wall:.2f} the server, of {os.cpu_count()}; {1e3 * busy / len(rows):.2f} ms a file"
    )
    print(rows["status"].value_counts(dropna=False).to_string())
    wrong = rows["status"].to_numpy() != np.array([KINDS[kind][1] for kind in kinds])
    print(f"{wrong.sum()} rows ended with another status than what was sent:")
    print(
        rows[wrong].assign(sent=kinds[wrong]).groupby(["sent", "status"]).size().to_string() if wrong.any() else "none"
    )
    if rows["status"].isna().any():
        raise SystemExit("rows without a status")


if __name__ == "__main__":
    main()
