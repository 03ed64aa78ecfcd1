use super::*;

const FIRST: Timestamp = Timestamp::from_micros((17 * 60 + 45) * 60_000_000);

fn minute(minute: usize) -> Timestamp {
    FIRST.after(Duration::from_secs(60) * u32::try_from(minute).unwrap())
}

fn line(name: &'static str, values: &[f64]) -> Line<'static> {
    let points = values.iter().enumerate().map(|(at, value)| (minute(at), *value)).collect();
    Line { name, class: "line-completed", points }
}

fn chart<'a>(unit: Unit, lines: &'a [Line<'a>]) -> Chart<'a> {
    let minutes = lines.iter().map(|line| line.points.len()).max().unwrap_or(0);
    Chart { title: "Jobs a minute", unit, from: FIRST, until: minute(minutes), lines }
}

fn stacked(lines: &[Line<'_>]) -> String {
    stack(&chart(Unit::Count, lines)).into_string()
}

fn drawn(lines: &[Line<'_>]) -> String {
    draw(&chart(Unit::Count, lines)).into_string()
}

fn times(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// Every coordinate is a number within the drawing.
fn is_inside(svg: &str) {
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    for (name, most) in [("x", Plot::WIDTH), ("y", Plot::HEIGHT), ("width", Plot::WIDTH), ("height", Plot::HEIGHT)] {
        for rest in svg.split(&format!(" {name}=\"")).skip(1) {
            let value: f64 = rest.split('"').next().unwrap().parse().unwrap();
            assert!((0.0..=most).contains(&value), "{name}={value} in {svg}");
        }
    }
    for points in svg.split(" points=\"").skip(1) {
        for point in points.split('"').next().unwrap().split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((0.0..=Plot::WIDTH).contains(&x) && (0.0..=Plot::HEIGHT).contains(&y), "{point} in {svg}");
        }
    }
}

#[test]
fn any_values_are_drawn_inside() {
    let many = (0..1440).map(f64::from).collect::<Vec<_>>();
    let sets: [&[f64]; 10] = [
        &[],
        &[0.0],
        &[7.0],
        &[0.0, 0.0, 0.0],
        &[f64::MAX, f64::MAX],
        &[u64::MAX as f64, 1.0],
        &[f64::MIN_POSITIVE],
        &[-3.0, 2.0],
        &[f64::NAN, f64::INFINITY, 1.0],
        &many,
    ];
    for values in sets {
        let lines = [line("one", values), line("two", values)];
        for unit in [Unit::Count, Unit::Seconds] {
            is_inside(&draw(&chart(unit, &lines)).into_string());
            is_inside(&stack(&chart(unit, &lines)).into_string());
        }
        is_inside(&sparkline("jobs", "line-completed", values).into_string());
    }
    is_inside(&drawn(&[]));
}

#[test]
fn any_time_is_drawn_inside() {
    let far = Timestamp::from_micros(i64::MAX);
    let lines = [line("one", &[1.0, 2.0])];
    for (from, until) in
        [(FIRST, far), (far, FIRST), (minute(1), minute(1)), (Timestamp::from_micros(i64::MIN / 2), far)]
    {
        let svg = draw(&Chart { from, until, ..chart(Unit::Count, &lines) }).into_string();
        is_inside(&svg);
        assert!(svg.len() < 100_000, "{}", svg.len());
    }
}

#[test]
fn what_lies_outside_its_time_is_left_out() {
    let lines = [line("one", &[5.0, 1.0, 9.0])];
    let svg = stack(&Chart { from: minute(1), until: minute(2), ..chart(Unit::Count, &lines) }).into_string();
    assert!(svg.contains("one: at most 1, at 17:46."), "{svg}");
}

#[test]
fn a_minute_that_has_begun_is_shown() {
    let lines = [line("one", &[5.0, 1.0])];
    let half = Duration::from_secs(30);
    let (from, until) = (FIRST.after(half), minute(1).after(half));
    let svg = stack(&Chart { from, until, ..chart(Unit::Count, &lines) }).into_string();
    assert_eq!(times(&svg, "rect class=\"bar\""), 2, "{svg}");
    assert!(svg.contains("one: at most 5, at 17:45."), "{svg}");
}

#[test]
fn a_day_is_shown_in_fewer_steps_with_its_peaks() {
    let mut values = [1.0; 1440];
    values[700] = 80.0;
    let svg = stacked(&[line("one", &values)]);
    assert_eq!(times(&svg, "rect class=\"bar\""), 180);
    assert!(svg.contains("one: at most 80, at 05:21."), "{svg}");
}

#[test]
fn nothing_is_said_to_be_nothing() {
    let nothing: [&[Line<'_>]; 3] = [&[], &[line("done", &[])], &[line("done", &[0.0, 0.0])]];
    for lines in nothing {
        assert!(drawn(lines).contains("Nothing in this time"));
        assert!(stacked(lines).contains("Nothing in this time"));
    }
    assert!(!stacked(&[line("done", &[0.0, 1.0])]).contains("Nothing"));
}

#[test]
fn bars_stand_on_each_other() {
    let svg = stacked(&[line("done", &[3.0]), line("failed", &[1.0])]);
    // Four jobs are the whole height of 166, from 176 to 10.
    assert!(svg.contains(r#"y="51.5" width="578" height="124.5""#), "{svg}");
    assert!(svg.contains(r#"y="10" width="578" height="41.5""#), "{svg}");
}

#[test]
fn one_failure_among_many_jobs_is_seen() {
    let svg = stacked(&[line("done", &[1e6]), line("failed", &[1.0])]);
    assert!(svg.contains(r#"height="1.5""#), "{svg}");
}

#[test]
fn a_line_has_gaps_where_nothing_was_measured() {
    let points = [(0, 1.0), (1, 2.0), (3, 3.0), (5, 1.0), (6, 1.0)].map(|(at, value)| (minute(at), value));
    let one = Line { name: "waited", class: "line-waited", points: points.to_vec() };
    let lines = [one.clone(), one];
    let svg = draw(&Chart { until: minute(7), ..chart(Unit::Seconds, &lines) }).into_string();
    assert_eq!((times(&svg, "<polyline"), times(&svg, "<circle")), (4, 2), "{svg}");
    assert_eq!(times(&svg, "<polygon"), 2, "only the first has areas: {svg}");
}

#[test]
fn it_says_what_it_shows() {
    let svg = stacked(&[line("done", &[2.0, 5.0, 1.0]), line("failed", &[])]);
    assert!(svg.contains("<title>Jobs a minute</title>"), "{svg}");
    assert!(svg.contains("17:45 to 17:48 UTC. done: at most 5, at 17:46. failed: no values."), "{svg}");
    assert!(svg.contains("<title>17:46\nfailed: none\ndone: 5</title>"), "{svg}");
    let seconds = draw(&chart(Unit::Seconds, &[line("waited", &[0.25])])).into_string();
    assert!(seconds.contains("waited: at most 250 ms, at 17:45."), "{seconds}");
}

#[test]
fn names_are_text() {
    let svg = stacked(&[line("<script>alert(1)</script>", &[1.0])]);
    assert!(!svg.contains("<script"), "{svg}");
    assert!(!sparkline("\"><script>", "line-failed", &[1.0, 2.0]).into_string().contains("<script"));
}

#[test]
fn it_is_drawn_without_inline_styles() {
    let lines = [line("done", &[2.0, 5.0])];
    let svg = drawn(&lines) + &stacked(&lines);
    assert!(!svg.contains("style"), "{svg}");
}
