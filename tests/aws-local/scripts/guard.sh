# Reads "+ PID" and "- PID" lines, and kills what is left when there are no more.
left=
while read -r sign pid; do
    rest=
    for other in $left; do
        [ "$other" = "$pid" ] || rest="$rest $other"
    done
    left=$rest
    [ "$sign" = - ] || left="$left $pid"
done
[ -z "$left" ] || kill -9 $left
