"""Views of drawn chunks as frozen features: views.py FIRST LAST VIEWS [R]. Draws chunks that are not there."""
import sys; args = sys.argv[1:]; sys.argv = ["x"]
from ov import *
import draw_pool
from yogalib.synthetic import pool as P
first, last, views = map(int, args[:3]); R = int(args[3]) if len(args) > 3 else 128
f = ov_prefix(trunk(), 4, R)
for k in range(first, last):
    file = L / f"pool/chunk_{k:03d}.npz"
    P.draw_chunk(file, k, 4000, 144)
    pixels, seen, bodies = load_chunk(file); facts = fact_matrix(bodies)
    for v in range(views):
        out = L / f"views/{k:03d}_{v}.npz"
        if out.exists(): continue
        rng, g = np.random.default_rng([k, v]), torch.Generator().manual_seed(1000 * k + v)
        feats, places = [], []
        for i in range(0, 4000, 80):
            win, pl = vary(pixels[i:i+80], torch.from_numpy(seen[i:i+80]), R, g, rng)
            feats.append(f(win.round().clamp(0, 255).to(torch.uint8).numpy()).half().permute(0, 2, 3, 1).contiguous()); places.append(pl)
        tokens = tokenise(captions(bodies, rng), 48)
        tmp = out.with_suffix(".tmp.npz")
        np.savez(tmp, feats=torch.cat(feats).numpy(), places=torch.cat(places).numpy(), facts=facts, tokens=tokens.numpy().astype(np.int32)); tmp.rename(out)
        print(k, v, round(time.process_time()), flush=True)
