"""The trial's checkpoint as CLIP-lite.safetensors: export.py CHECKPOINT."""
import sys, json, torch
sys.path.insert(0, "./")
from pathlib import Path
from lite import fresh_lite, imagenet_file, build_lite
from pretrain_lite import TEXT, write_lite
from yogalib.encoders import open_encoder
L = Path("./"); s = torch.load(L / sys.argv[1], weights_only=False)
mini = open_encoder("CLIP-mini-RN", L, 0).model
m = fresh_lite(128, TEXT, 0, imagenet_file())
state = m.state_dict()
for k, v in mini.state_dict().items():
    if not k.startswith("visual."): state[k] = v
for k, v in s["text"].items():
    if not k.startswith("visual."): state[k] = v
for k, v in s["tail"].items():
    part, _, rest = k.partition(".")
    if part == "blocks": i, _, rest = rest.partition("."); k = f"visual.trunk.blocks.{i}.{rest}"
    elif part == "proj": k = f"visual.projection.{rest}"
    else: k = f"visual.trunk.{k}"
    assert k in state, k; state[k] = v
m.load_state_dict(state)
log = s["log"]; about = {"setting": {"chunks": 6, "pictures_a_chunk": 4000, "views_done": len(log), "of_a_schedule_of": 12, "batch": 64, "late_rate": 5e-4, "new_rate": 2e-3, "text_rate": 3e-4, "weight_decay": .05, "mean_over": .998, "drawn": 144, "resolution": 128}, "note": "unfinished: stopped for want of CPU before its learning rate had come down", "log": log}
f = write_lite(m, about, L); print(f, f.stat().st_size / 1e6, "MB")
from safetensors.torch import load_file
from lab import photos
import numpy as np
from yogalib.zero_shot import normalise
b = build_lite(load_file(f)); x = normalise(torch.from_numpy(photos("yoga-photos", 128)[0][:8]))
with torch.no_grad(): a, c = m.eval().encode_image(x), b.encode_image(x)
print("fp16 against fp32, cosine", torch.nn.functional.cosine_similarity(a, c).min().item())
