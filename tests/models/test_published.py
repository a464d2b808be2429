"""Published weights from a local server that stands in for OpenAI's and GitHub's: real files, small."""

import hashlib
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_clip import archive, same_answers

from yogalib.__main__ import main
from yogalib.errors import BadInput
from yogalib.models import published
from yogalib.models.checkpoints import import_clip
from yogalib.models.encoders import OPENAI, open_encoder
from yogalib.models.published import YOLO, archive_name, bring_weights

VIT, TINY = "ViT-B/32", "yolov8s-cls.pt"  # of the latter nobody publishes a digest


class Web:
    """Files by path; `asked` holds the Range header of each request, `cut` after how many bytes a body breaks off."""

    def __init__(self):
        self.files, self.asked, self.cut, self.ranges = {}, [], None, True

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.asked.append(wanted)
        content = self.files.get(handler.path)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if content is None:
            return handler.send_error(404)
        if start and start >= len(content):
            return handler.send_error(416)
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start : self.cut])
        return None


@pytest.fixture
def web(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # no ~/.cache/clip of the developer's
    there = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            there.answer(self)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(published, "YOLO_RELEASE", there.url)
        yield there
        server.shutdown()


@pytest.fixture
def vit(web, tmp_path, monkeypatch):
    """A small encoder that the web publishes as OpenAI's ViT-B/32; returns the archive and the model in it."""
    (tmp_path / "openai").mkdir()
    file, model = archive(tmp_path / "openai")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    web.files[f"/{digest}/ViT-B-32.pt"] = file.read_bytes()
    monkeypatch.setitem(import_clip().clip._MODELS, VIT, f"{web.url}/{digest}/ViT-B-32.pt")
    return file, model


def never(*args, **options):
    raise AssertionError("a TorchScript archive was opened")


def zipped(text: str = "weights") -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as content:
        content.writestr("data.pkl", text)
    return out.getvalue()


def test_archive_is_fetched_once_and_never_opened_again(vit, web, tmp_path, monkeypatch):
    published_file, model = vit
    weights = tmp_path / "weights"
    from_archive = open_encoder(str(published_file), weights)
    file = bring_weights(VIT, weights)
    assert [path.name for path in weights.iterdir()] == ["ViT-B-32.safetensors"], "nothing is kept twice"
    monkeypatch.setattr(torch.jit, "load", never)
    assert bring_weights(VIT, weights) == file
    assert len(web.asked) == 1
    by_name, by_path = open_encoder(VIT, weights), open_encoder(str(file), weights)
    assert same_answers(by_name.model, model)
    assert by_name.weights == by_path.weights == from_archive.weights, "stored runs stay valid"
    assert open_encoder(str(published_file), weights).weights == from_archive.weights


def test_conversion_keeps_the_published_bits(vit, tmp_path):
    state = torch.jit.load(str(vit[0])).half().state_dict()
    from yogalib.models.checkpoints import write_converted

    state |= {"input_resolution": torch.tensor(32), "turned": torch.rand(3, 5).T}
    write_converted(state, "a" * 64, tmp_path / "half.safetensors")
    kept = load_file(tmp_path / "half.safetensors")
    assert kept.keys() == state.keys()
    assert all(kept[key].dtype == value.dtype and torch.equal(kept[key], value) for key, value in state.items())


def test_damaged_or_foreign_conversion_is_refused_and_made_anew(vit, web, tmp_path):
    weights = tmp_path / "weights"
    file = bring_weights(VIT, weights)
    content = bytearray(file.read_bytes())
    content[-5] ^= 1  # one bit of the last tensor
    file.write_bytes(content)
    with pytest.raises(BadInput, match="damaged"):
        open_encoder(VIT, weights)
    bring_weights(VIT, weights)
    assert same_answers(open_encoder(VIT, weights).model, vit[1])
    with safe_open(file, framework="pt") as content:
        metadata = content.metadata()
    save_file(load_file(file), file, metadata | {"archive": "0" * 64})
    with pytest.raises(BadInput, match="sha256 differs"):
        open_encoder(VIT, weights)
    save_file(load_file(file), file)  # somebody's own weights under the published name
    with pytest.raises(BadInput, match="sha256 differs"):
        open_encoder(VIT, weights)


def test_download_that_broke_off_goes_on(vit, web, tmp_path):
    weights = tmp_path / "weights"
    web.cut = 50_000
    with pytest.raises(BadInput, match="could not fetch ViT-B-32.pt .* goes on where it stopped"):
        bring_weights(VIT, weights)
    assert not list(weights.glob("*.safetensors"))
    web.cut = None
    bring_weights(VIT, weights)
    assert web.asked == [None, "bytes=50000-"]


def test_whole_download_that_was_killed_before_its_conversion_is_not_fetched_again(vit, web, tmp_path):
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / ".ViT-B-32.pt.partial").write_bytes(vit[0].read_bytes())
    assert bring_weights(VIT, weights).is_file()
    assert [path.name for path in weights.iterdir()] == ["ViT-B-32.safetensors"]


def test_server_that_knows_no_ranges_sends_all_again(vit, web, tmp_path):
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / ".ViT-B-32.pt.partial").write_bytes(b"the beginning of something else")
    web.ranges = False
    assert open_encoder(VIT, bring_weights(VIT, weights).parent).resolution == 32


@pytest.mark.parametrize("sent", ["another archive", "a page"])
def test_download_of_other_bytes_is_refused_and_not_kept(vit, web, tmp_path, monkeypatch, sent):
    path = next(iter(web.files))
    web.files[path] = zipped() if sent == "another archive" else b"<html>please log in</html>"
    monkeypatch.setattr(torch.jit, "load", never)
    with pytest.raises(BadInput, match="sha256 differs" if sent == "another archive" else "sent no weights"):
        bring_weights(VIT, tmp_path / "weights")
    assert not list((tmp_path / "weights").iterdir())


def test_archive_that_the_user_has_is_converted_and_left_alone(vit, web, tmp_path):
    for number, folder in enumerate((tmp_path / "weights", tmp_path / "home/.cache/clip")):
        folder.mkdir(parents=True)
        (folder / "ViT-B-32.pt").write_bytes(vit[0].read_bytes())
        before = open_encoder(VIT, tmp_path / f"weights{number or ''}")
        file = bring_weights(VIT, tmp_path / f"weights{number or ''}")
        assert (folder / "ViT-B-32.pt").read_bytes() == vit[0].read_bytes()
        assert before.weights == open_encoder(VIT, file.parent).weights
    assert web.asked == []


def test_files_of_a_folder_serve_a_machine_without_internet(vit, web, tmp_path, monkeypatch):
    weights, third = tmp_path / "weights", tmp_path / "third"
    first = bring_weights(VIT, weights, vit[0].parent)
    monkeypatch.setattr(torch.jit, "load", never)
    second = bring_weights(VIT, third, weights)  # as yogalib keeps them, from another machine
    assert second.read_bytes() == first.read_bytes()
    assert vit[0].is_file()
    assert web.asked == []
    with pytest.raises(BadInput, match="holds no RN50.safetensors and no RN50.pt"):
        bring_weights("RN50", weights, vit[0].parent)
    (vit[0].parent / "RN50.pt").write_bytes(vit[0].read_bytes())
    with pytest.raises(BadInput, match="sha256 differs"):
        bring_weights("RN50", weights, vit[0].parent)
    with pytest.raises(BadInput, match="is no folder"):
        bring_weights(VIT, weights, vit[0])


def test_yolo_with_a_known_digest_is_held_against_it(web, tmp_path, monkeypatch):
    content = zipped()
    monkeypatch.setitem(YOLO, "yolov8n-cls.pt", hashlib.sha256(content).hexdigest())
    web.files["/yolov8n-cls.pt"] = zipped("other weights")
    with pytest.raises(BadInput, match="sha256 differs"):
        bring_weights("yolov8n-cls.pt", tmp_path)
    web.files["/yolov8n-cls.pt"] = content
    assert bring_weights("yolov8n-cls.pt", tmp_path).read_bytes() == content
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "yolov8n-cls.pt").write_bytes(zipped("other weights"))
    with pytest.raises(BadInput, match="sha256 differs"):
        bring_weights("yolov8n-cls.pt", tmp_path / "weights", tmp_path / "given")
    assert not (tmp_path / "weights").exists()


def test_yolo_without_a_known_digest_must_stay_what_it_was_when_first_seen(web, tmp_path):
    web.files[f"/{TINY}"] = content = zipped()
    file = bring_weights(TINY, tmp_path)
    assert file.read_bytes() == content
    assert (tmp_path / f"{TINY}.sha256").read_text() == f"{hashlib.sha256(content).hexdigest()}  {TINY}\n"
    file.write_bytes(zipped("other weights"))
    with pytest.raises(BadInput, match="is not what it was when first seen"):
        bring_weights(TINY, tmp_path)


def test_wrong_name_is_said_before_anything_is_fetched(vit, web, folders, capsys):
    assert main(["weights", VIT, "RN51"]) == 2
    assert "no weights named 'RN51' are published: choose RN50, " in capsys.readouterr().err
    assert web.asked == []
    assert main(["weights", VIT]) == 0
    assert Path(capsys.readouterr().out.strip()).name == "ViT-B-32.safetensors"
    web.files.clear()
    assert main(["weights", "yolov8l-cls.pt"]) == 2
    assert "404" in capsys.readouterr().err


def test_every_published_name_has_a_file_and_a_place():
    for name in (*OPENAI, *YOLO):
        known = published.published(name)
        assert known.url.endswith(f"/{known.file}")
        assert known.file == (name if name in YOLO else archive_name(name))
        assert known.sha256 is None or len(known.sha256) == 64
