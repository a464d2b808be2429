"""`python -m yogalib download`: Yoga-82 from its link lists, 28,450 URLs of 2020, a third of them dead."""

import csv
import io
import os
import shutil
import threading
from collections import Counter, defaultdict
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from pathlib import Path
from zlib import crc32

import httpx
import numpy as np
import pandas as pd
from tqdm import tqdm

from yogalib.dataset.fetch import Fetcher, Limits, Refused
from yogalib.dataset.images import judge
from yogalib.dataset.lists import SPLIT_FILES, read_link_lists
from yogalib.facts.paper import load_paper
from yogalib.facts.taxonomy import load_taxonomy
from yogalib.paths import write_whole
from yogalib.processes import process_pool

JOURNAL = "download.csv"
COLUMNS = ["path", "url", "status", "detail"]
PER_HOST = 4  # connections to one host at a time
WORTH_A_PROCESS = 500  # URLs: for fewer, to start one takes longer than to fetch them
LONGEST = 240  # bytes of a file's name; file systems end at 255, and a partial file's name is longer
AT_RISK = 0.5  # of the paper's count of a class


class Journal:
    """OUT/download.csv: one row per file, written as soon as its fate is known; a kill leaves at most half a last line."""

    def __init__(self, file: Path):
        self.file, self.lock = file, threading.Lock()

    def read(self) -> pd.DataFrame:
        """Return the whole rows, the newest of each path."""
        if not self.file.exists():
            return pd.DataFrame(columns=COLUMNS)
        text = self.file.read_text(encoding="utf-8")
        rows = [row for row in csv.reader(text[: text.rfind("\n") + 1].splitlines()) if len(row) == len(COLUMNS)]
        return pd.DataFrame(rows[1:], columns=COLUMNS).drop_duplicates("path", keep="last")

    def start(self, rows: pd.DataFrame) -> None:
        """Begin with these rows, whole."""
        write_whole(self.file, lambda path: rows[COLUMNS].to_csv(path, index=False))

    def add(self, rows: list[tuple[str, str, str, str]]) -> None:
        """Append rows, in one write, so that those of other processes can't come between."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([[" ".join(str(cell).split()) for cell in row] for row in rows])
        with self.lock, self.file.open("ab", buffering=0) as out:
            out.write(text.getvalue().encode())

    def since(self, place: int) -> tuple[list[list[str]], int]:
        """Return the whole rows behind a place in the file, in bytes, and the place behind them."""
        with self.file.open("rb") as file:
            file.seek(place)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        return list(csv.reader(whole.decode().splitlines())), place + len(whole)


def download(lists: Path, out: Path, limits: Limits, workers: int = 64, again: bool = False) -> pd.DataFrame:
    """Download every picture of the link lists into `out`, and return download.csv's rows, one per row of the lists.

    What has a status already is left alone, unless its file has vanished; with `again`, all that failed is tried once more. A URL
    that stands in several lists is fetched once; a row whose path is no `<folder of a pose>/<file>` is not followed, its status is
    bad_path. The official split lists are laid beside the pictures.

    Raises BadInput when `lists` holds no link lists.
    """
    links = read_link_lists(lists)
    out.mkdir(parents=True, exist_ok=True)
    for name in SPLIT_FILES.values():
        if (lists / name).is_file():
            shutil.copy(lists / name, out / name)
    journal = Journal(out / JOURNAL)
    known = journal.read()
    known = known[known["path"].isin(links["path"])]
    done = [(out / row.path).is_file() if row.status == "ok" else not again for row in known.itertuples()]
    known = known[np.array(done, dtype=bool)]
    journal.start(known)
    todo = links[~links["path"].isin(known["path"])]
    safe = np.array([_is_safe(path) for path in todo["path"]], dtype=bool) & (todo["class"] >= 0)
    journal.add([(row.path, row.url, "bad_path", "not <folder of a pose>/<file>") for row in todo[~safe].itertuples()])
    groups = list(todo[safe].groupby("url", sort=False)["path"].apply(list).items())
    np.random.default_rng(0).shuffle(groups)  # neighbours in a list often share a host
    _fetch_all(groups, out, journal, limits, workers)
    rows = links[["path", "url"]].merge(journal.read()[["path", "status", "detail"]], on="path", how="left")
    journal.start(rows)
    return rows


def _fetch_all(groups: list[tuple[str, list[str]]], out: Path, journal: Journal, limits: Limits, workers: int) -> None:
    """Fetch in as many processes as there are cores, for Python keeps each to one core; each host belongs to one of them."""
    count = min(os.cpu_count(), 1 + len(groups) // WORTH_A_PROCESS)
    parts = [[] for _ in range(count)]
    for url, paths in groups:
        parts[crc32(_host_of(url).encode()) % count].append((url, paths))
    pool = process_pool(count) if count > 1 else ThreadPoolExecutor(1)
    total = sum(len(paths) for _, paths in groups)
    with pool as executor, tqdm(total=total, desc="download", unit="file", mininterval=1) as bar:
        share = max(1, workers // count)
        jobs = [executor.submit(_fetch_part, part, out, journal.file, limits, share) for part in parts]
        _tell(jobs, journal, bar)
        for job in jobs:
            job.result()


def _tell(jobs: list[Future], journal: Journal, bar: tqdm) -> None:
    """Show what the journal says, until all jobs are done."""
    counts, place, left = Counter(), journal.file.stat().st_size, jobs
    while left:
        left = wait(jobs, timeout=1).not_done
        rows, place = journal.since(place)
        counts.update(row[2] for row in rows)
        bar.set_postfix_str(", ".join(f"{status} {count}" for status, count in counts.most_common(4)), refresh=False)
        bar.update(len(rows))


def _fetch_part(groups: list[tuple[str, list[str]]], out: Path, file: Path, limits: Limits, workers: int) -> None:
    fetcher, journal = Fetcher(limits, workers), Journal(file)
    hosts = defaultdict(lambda: threading.Semaphore(PER_HOST))
    lost: dict[str, Refused] = {}  # hosts that are not there need not be asked again

    def work(url: str, paths: list[str]) -> None:
        host = _host_of(url)
        with hosts[host]:
            try:
                if host in lost:
                    raise lost[host]
                status, detail = _store(fetcher.fetch(url), [out / path for path in paths])
            except Refused as refused:
                status, detail = refused.status, refused.detail
                # not when it is another host, that this one sent us on to
                if status in ("no_host", "no_connection") and detail.startswith(host):
                    lost[host] = refused
        journal.add([(path, url, status, detail) for path in paths])

    with ThreadPoolExecutor(workers) as pool:
        for future in as_completed([pool.submit(work, url, paths) for url, paths in groups]):
            future.result()


def _host_of(url: str) -> str:
    try:
        return httpx.URL(url).netloc.decode()
    except (httpx.InvalidURL, ValueError, UnicodeError):
        return ""


def _is_safe(path: str) -> bool:
    """Return whether a list's path stays within the folder: `<folder>/<file>`, nothing that climbs or hides, a name that can be."""
    parts = path.split("/")
    odd = any(part.startswith(".") or not 0 < len(part.encode()) <= LONGEST for part in parts)
    return len(parts) == 2 and not odd and not set(path) & set("\\:\0")


def _store(content: bytes, files: list[Path]) -> tuple[str, str]:
    """Write a body to its files if it decodes as a picture, whatever it says of itself; return status and detail."""
    image, status, detail = judge(content)
    if image is None:
        return status, detail
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.partial")
        partial.write_bytes(content)
        partial.replace(file)
    return "ok", ""


def summarise(rows: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Return files by status, and the yield per class beside the paper's of spring 2023.

    Columns of the latter: folder, listed, ok, paper, at_risk (less than half of what the paper had).
    """
    taxonomy, paper = load_taxonomy(), load_paper()["class_counts"]
    folder = rows["path"].str.partition("/")[0]
    table = pd.DataFrame({"listed": folder.value_counts(), "ok": folder[rows["status"] == "ok"].value_counts()})
    table = table.fillna(0).astype(int).reindex(taxonomy["folder"], fill_value=0).rename_axis("folder").reset_index()
    table["paper"] = taxonomy["sanskrit"].map(paper).to_numpy()
    table["at_risk"] = table["ok"] < AT_RISK * table["paper"]
    return rows["status"].value_counts(), table
