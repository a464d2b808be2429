"""The study of CLIP for yoga-pose classification (Dobrzycki et al. 2024) as a helper package of its notebooks.

The tree is the data flow. Read it from top to bottom: a folder imports only what stands above it, and `make lint` holds it to that.

errors      the mistake that is the user's: one line, exit code 2
paths       the project's folders; files written whole
processes   work in processes of its own, which end with their parent
facts       what is known before any image: taxonomy (82 poses in three levels), prompts, paper (its numbers)
profile     every setting of a study, validated whole (profiles/*.yaml)
dataset     images to index to subset to split to pixels: download and fetch, images, lists, index, yopo, subsets, splits, twins, pixels
synthetic   the drawn world, in the place of a download
models      pixels and prompts to answers: device, meter, costs, counting; published, checkpoints, encoders, mini, lite; resident;
            zero_shot, augment, views, lora, finetune, linear, yolo; boxes, blazepose, skeleton, written, posture, joints, missing;
            features, probe, openclip, network, wise, adjust, redrawn, blend; kept; cam
runs        asked, planned, made once, kept: asks, questions, plan, progress, store
results     runs to numbers, tables, figures: metrics, tables, confusions, audit, benchmark, beyond, maps, claims,
            beside, carry, card, atlas, readings; openers, figures, ways, galleries, style, show, handover
study       a profile at work: what a notebook opens
pages       notebooks to report: notebook, due, report, index, summary, inputs, console, templates
tools       commands beside the study: doctor, predict, executor, rehearse, explore, try_it, curate, pretrain, pretrain_lite,
            pretrain_yolo, bench
__main__    the command line
"""
