from lab import *
import pandas as pd, json
from yogalib.dataset.cache import to_pixels
from yogalib.dataset.images import open_image
from yogalib.dataset.splits import split_rows
from yogalib.encoders import open_encoder
from yogalib.device import Device
from yogalib.prompts import class_names
from yogalib.profile import FineTuning, Optimiser, Augmentation
from yogalib.finetune import fine_tune
from yogalib.zero_shot import encode_images
import cv2; torch.set_num_threads(1); cv2.setNumThreads(1)
B = Path("./base/data/mini"); f = L / "cache/mini64.npz"
rows = pd.read_parquet(B / "index.parquet"); rows = rows[rows["status"] == "kept"].sort_values("path").reset_index(drop=True)
if not f.exists():
    folder = next(p for p in Path("./base/data").glob("synthetic-*") if (p / rows["path"][0]).is_file() and (p / rows["path"].iloc[-1]).is_file() and len(list(p.rglob("*.*g"))) > 1900)
    np.savez(f, px=np.stack([to_pixels(open_image(folder / p), 64, "crop") for p in rows["path"]]))
px = np.load(f)["px"]; classes = np.unique(rows["class"]); y = np.searchsorted(classes, rows["class"]); dev = Device(torch.device("cpu"), False)
tr, te = (r.index.to_numpy() for r in split_rows(rows, "stratified", .2, 0)); print(len(tr), len(te), flush=True)
P = {"sanskrit": [f"Image of a person doing the yoga pose {n}" for n in class_names(classes, "sanskrit")], "description": [f"a person {n}" for n in class_names(classes, "description")], "both": [f"{n}, {d}" for n, d in zip(class_names(classes, "sanskrit"), class_names(classes, "description"))]}
def run(name, prompt="sanskrit", targets="diagonal", batch=82, epochs=7, lr=1e-3, wd=1e-3, crop=.8, colour=0., flip=True, warm=.1):
    enc = open_encoder("CLIP-mini-RN", Path("."), 0)
    s = FineTuning(encoder="CLIP-mini-RN", subset="all", prompt={"template": "<category>", "names": "sanskrit"}, targets=targets, batch=batch, epochs=epochs, precision="fp32", seed=0,
        optimiser=dict(learning_rate=lr, weight_decay=wd, betas=[.9, .98], epsilon=1e-6, schedule="cosine", warmup=warm), augmentation=dict(flip=flip, smallest_crop=crop, colour=colour))
    c = time.process_time(); h, a = fine_tune(enc, (px[tr], y[tr]), (px[te], y[te]), P[prompt], s, dev)
    k = int((a[0].argmax(1) == y[te]).sum()); print(name, wilson(k, len(te)), "loss", round(h["loss"].iloc[-1], 3), "cpu", round(time.process_time() - c), h["top1"].round(3).tolist(), flush=True)
run("profile: diagonal sanskrit b82 e7 1e-3")
run("class-prompts sanskrit b82 e7", targets="class-prompts")
run("class-prompts sanskrit b32 e7", targets="class-prompts", batch=32)
run("class-prompts description b32 e7", "description", "class-prompts", 32)
run("class-prompts description b32 e14", "description", "class-prompts", 32, 14)
run("class-prompts sanskrit b32 e14", "sanskrit", "class-prompts", 32, 14)
run("multi-positive description b82 e7", "description", "multi-positive", 82)
run("class-prompts sanskrit b32 e14 2e-3", "sanskrit", "class-prompts", 32, 14, 2e-3)
