cd ./; for i in 1 2 3 4; do venv/bin/python -W ignore train.py main views=0-6 per=2 save=1 every=6 && break; done
