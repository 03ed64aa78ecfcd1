# Reads what runs, a process id a line, "-" for nothing. When there are no more lines, whoever wrote them is gone: ends
# what runs and removes the server's directory.
running=-
while read -r line; do running=$line; done
if [ "$running" != - ]; then
    # It may have been starting. The file also tells whether the id is still the server's.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -s "$1/data/postmaster.pid" ] && break
        sleep 0.1
    done
    if [ "$(head -n 1 "$1/data/postmaster.pid")" = "$running" ]; then
        # Stopped, it would not hear the other. It cleans up and ends its children.
        kill -CONT "$running"
        kill -QUIT "$running"
        tries=100
        while [ "$tries" -gt 0 ] && kill -0 "$running"; do
            tries=$((tries - 1))
            sleep 0.1
        done
        [ "$tries" -gt 0 ] || kill -KILL "$running"
    fi
fi
rm -rf "$1"
