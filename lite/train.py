"""Train the tail on views. train.py name key=value..."""
import sys; args = sys.argv[1:]; sys.argv = ["x"]
from ov import *
class Judge2(Judge):
    def __init__(self, R=128):
        f = L / f"cache/judge-{R}.pt"
        if not f.exists():
            o = ov_prefix(trunk(), 4, R); super().__init__(lambda x: x, R) if False else None
            d = {}
            for name in ("yoga82-photos", "yoga-photos"):
                px, lab, _ = photos(name, R); classes = np.unique(lab)
                d[name] = torch.cat([o(px[i:i+64]).half() for i in range(0, len(px), 64)]), torch.from_numpy(np.searchsorted(classes, lab)), classes.tolist()
            torch.save(d, f)
        from yogalib.prompts import class_names; from prompts_lite import ensembles
        self.sets = {}
        for name, (a, b, c) in torch.load(f).items():
            self.sets[name] = a, b, [f"a person {x}" for x in class_names(np.array(c), "description")], [ensembles()[x] for x in c]
def main(name, views="0-6", per="1", pool="gap", lr="5e-4", head_lr="2e-3", text_lr="3e-4", batch="64", wd="0.05", distil="0", warm="0.05", every="1", save="0", seed="0", epochs="1", ema="0.998", words="1", fold_bn="1", start="", drop="0", wmix="0", until=""):
    end = time.mktime(time.strptime(time.strftime("%Y-%m-%d ") + until, "%Y-%m-%d %H:%M")) if until else 0
    end += 86400 if until and end < time.time() else 0; began = time.time(); used = {}
    torch.manual_seed(int(seed)); a, b = map(int, views.split("-")); batch = int(batch)
    t = trunk(); t = fold(t) if fold_bn == "1" else t
    old = Tail(copy.deepcopy(t), "gap", cut=4).eval() if float(distil) else None
    mini = open_encoder("CLIP-mini-RN", Path("."), 0).model
    tail = Tail(t, pool, cut=4).to(memory_format=torch.channels_last); H = Heads(128, 112)
    tail.eval()
    if start: s = torch.load(L / f"ckpt_{start}.pt"); tail.load_state_dict(s["tail"]); mini.load_state_dict(s["text"]); H.load_state_dict(s["heads"])
    mini.visual = nn.Module(); mini.visual.conv1 = nn.Conv2d(1, 1, 1).requires_grad_(False); mini.token_embedding.requires_grad_(False)
    text = [p for n, p in mini.named_parameters() if p.requires_grad]
    isnew = lambda n: n.startswith(("attnpool", "proj"))
    new = [p for n, p in tail.named_parameters() if isnew(n)] + list(H.parameters()); oldp = [p for n, p in tail.named_parameters() if not isnew(n)]
    groups = [dict(params=oldp, top=float(lr)), dict(params=new, top=float(head_lr)), dict(params=text, top=float(text_lr))]
    opt = torch.optim.AdamW(groups, lr=1e-3, betas=(.9, .98), weight_decay=float(wd), fused=True)
    judge = Judge2(); avg, avgt = copy.deepcopy(tail).eval(), copy.deepcopy(mini).eval()
    files = [(k, v) for e in range(int(epochs)) for v in range(int(per)) for k in range(a, b)]
    total, n, log, ck = len(files) * (4000 // batch), 0, [], L / f"ckpt_{name}.pt"; done = 0
    if ck.exists() and save == "1":
        s = torch.load(ck, weights_only=False); tail.load_state_dict(s["raw"]); mini.load_state_dict(s["rawtext"]); avg.load_state_dict(s["tail"]); avgt.load_state_dict(s["text"]); H.load_state_dict(s["heads"]); opt.load_state_dict(s["opt"]); n, log, done = s["n"], s["log"], s["done"]
    if until:
        if ck.exists() and save == "1": began, used = s["began"], dict(s["used"])
        files = range(10**6)
    for j in range(len(files)):
        if j < done: continue
        if until:
            if time.time() > end: break
            while not (ready := sorted(p.stem for p in (L / "views").glob("???_?.npz"))): time.sleep(2)
            f = L / "views" / (min(ready, key=lambda p: (used.get(p, 0), p)) + ".npz"); used[f.stem] = used.get(f.stem, 0) + 1; k, v = f.stem.split("_")
        else:
            k, v = files[j]; f = L / f"views/{k:03d}_{v}.npz"
            while not f.exists(): time.sleep(2)
        with np.load(f) as z: feats, places, facts, tokens = (torch.from_numpy(z[q]) for q in ("feats", "places", "facts", "tokens"))
        facts, tokens = facts.float(), tokens.long(); g = torch.Generator().manual_seed(j + 7)
        sums, order = np.zeros(4), torch.randperm(4000, generator=g)[: 4000 // batch * batch].split(batch); c0 = time.process_time()
        for c in order:
            share, w = (min((time.time() - began) / (end - began), 1) if until else n / total), float(warm)
            f_ = (share / w + 1e-3) if share < w else .02 + .98 * .5 * (1 + math.cos(math.pi * (share - w) / (1 - w)))
            for gr in opt.param_groups: gr["lr"] = gr["top"] * f_
            z = feats[c].float().permute(0, 3, 1, 2); feat = tail(z)
            hl = H.loss(feat, tail.seen, facts[c], places[c])
            tk = tokens[c]; tk = tk[:, : int(tk.argmax(1).max()) + 1]
            logits = mini.logit_scale.exp() * unit(feat) @ unit(mini.encode_text(tk)).T
            cl = contrastive_loss(logits, torch.eye(len(c))); loss = hl + float(words) * cl; dl = torch.zeros(())
            if old is not None:
                with torch.no_grad(): old(z)
                dl = (unit(tail.pooled) - unit(old.pooled)).pow(2).sum(1).mean(); loss = loss + float(distil) * dl
            opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(oldp + new + text, 1.0); opt.step(); n += 1
            with torch.no_grad():
                mini.logit_scale.clamp_(max=math.log(100)); d = min(float(ema), (1 + n) / (10 + n))
                torch._foreach_lerp_(list(avg.parameters()), list(tail.parameters()), 1 - d); torch._foreach_lerp_([p for p in avgt.parameters() if p.requires_grad], text, 1 - d)
            sums += [hl.item(), cl.item(), (logits.argmax(1) == torch.arange(len(c))).float().mean().item(), dl.item()]
        m = (sums / len(order)).round(3).tolist()
        r = dict(j=j, k=k, v=v, ips=round(4000 / (time.process_time() - c0)), heads=m[0], con=m[1], match=m[2], dl=m[3])
        if (j + 1) % int(every) == 0 or j == len(files) - 1 or (until and time.time() > end): r |= {"avg": judge(avg, avgt.encode_text, 48)}
        log.append(r); print(name, json.dumps(r), flush=True)
        if save == "1":
            tmp = ck.with_suffix(".tmp"); torch.save(dict(tail=avg.state_dict(), text=avgt.state_dict(), raw=tail.state_dict(), rawtext=mini.state_dict(), heads=H.state_dict(), opt=opt.state_dict(), n=n, log=log, done=j + 1, began=began, used=used), tmp); tmp.rename(ck)
if __name__ == "__main__": main(args[0], **dict(x.split("=") for x in args[1:]))
