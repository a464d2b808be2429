cd ./; for i in 1 2 3 4; do venv/bin/python -W ignore views.py 0 6 1 && venv/bin/python -W ignore views.py 0 6 3 && break; done
