//! The payloads, by what they would do to a terminal, or to a person, that took them as they are.

/// All of them: each kind at the places where it would work.
pub(crate) fn all() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    all.extend(sequences());
    all.extend(controls());
    all.extend(line_breaks());
    all.extend(unseen());
    all.extend(combining());
    all.extend(disguises());
    all.extend(gutters());
    all
}

/// Escape sequences (ECMA-48, xterm's control sequences), each with ESC and with its C1 form.
fn sequences() -> Vec<String> {
    let csi = [
        "2J",
        "3J",
        "H",
        "1;1H",
        "999;999H",
        "10A",
        "10B",
        "10C",
        "10D",
        "5E",
        "5F",
        "K",
        "1K",
        "2K",
        "1G",
        "L",
        "M",
        "10M",
        "P",
        "20P",
        "@",
        "S",
        "T",
        "1;5r",
        "r",
        "s",
        "u",
        "?25l",
        "?25h",
        "?1049h",
        "?1049l",
        "?47h",
        "?1000h",
        "?1002h",
        "?1003h",
        "?1006h",
        "?2004l",
        "?2004h",
        "?1l",
        "?1h",
        "?7l",
        "?5h",
        "4h",
        "20h",
        "0m",
        "31m",
        "7m",
        "8m",
        "5m",
        "1;31;40m",
        "38;2;0;0;0m",
        "6n",
        "5n",
        "c",
        ">c",
        "=c",
        "0q",
        "2 q",
        "!p",
        "?6h",
        "14t",
        "8;1;1t",
        "21t",
        "i",
        "5i",
        "4i",
        "3g",
        "0x",
        "?1004h",
        "b",
        "9999b",
    ];
    let strings = [
        "]0;FORGED",
        "]2;FORGED",
        "]4;0;rgb:ff/ff/ff",
        "]8;;http://evil.example/",
        "]10;#000000",
        "]11;#000000",
        "]50;FORGED",
        "]52;c;Rk9SR0VE",
        "]104",
        "]1337;File=:AAAA",
        "]777;notify;FORGED;x",
        "P$q\"p",
        "P1$r0m",
        "_FORGED",
        "^FORGED",
        "XFORGED",
        "P+q544e",
        "P0;1|17/6563686f",
    ];
    let single =
        ["c", "7", "8", "D", "E", "M", "Z", "=", ">", "(0", "(B", "#8", "n", "o", "|", "}", "~", "6", "9"];
    let mut all = Vec::new();
    for sequence in csi {
        all.push(format!("a\u{1b}[{sequence}FORGED"));
    }
    for sequence in csi.into_iter().step_by(4) {
        all.push(format!("a\u{9b}{sequence}FORGED"));
    }
    for string in strings {
        all.push(format!("a\u{1b}{string}\u{7}FORGED"));
        all.push(format!("a\u{1b}{string}\u{1b}\\FORGED"));
    }
    for string in strings {
        let c1 = match string.as_bytes()[0] {
            b']' => '\u{9d}',
            b'P' => '\u{90}',
            b'_' => '\u{9f}',
            b'^' => '\u{9e}',
            _ => '\u{98}',
        };
        all.push(format!("a{c1}{}\u{9c}FORGED", &string[1..]));
    }
    all.extend(single.map(|one| format!("a\u{1b}{one}FORGED")));
    // Begun and never ended: what comes after would be taken for its rest.
    all.extend(
        ["\u{1b}", "\u{1b}[", "\u{1b}]0;", "\u{1b}P", "\u{9b}", "\u{9d}0;", "\u{1b}[31", "\u{1b}\u{1b}"]
            .map(String::from),
    );
    all
}

/// Every control character, C0, DEL and C1.
fn controls() -> Vec<String> {
    let controls = (0..0x20_u32).chain(0x7f..0xa0);
    controls.filter_map(char::from_u32).map(|control| format!("before{control}FORGED")).collect()
}

/// Ends of lines, in all their forms, with a line of the program's after them.
fn line_breaks() -> Vec<String> {
    let forged = ["[00:00] carol: FORGED", "WARNING: forged", "carol wants to start a conversation with you"];
    let breaks = ["\n", "\r", "\r\n", "\n\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\n\n\n"];
    breaks.iter().flat_map(|line_break| forged.map(|forged| format!("x{line_break}{forged}"))).collect()
}

/// What is not seen, reorders, or says something to nobody but a program.
fn unseen() -> Vec<String> {
    let marks = [
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{61c}',
        '\u{202a}',
        '\u{202b}',
        '\u{202c}',
        '\u{202d}',
        '\u{202e}',
        '\u{2060}',
        '\u{2061}',
        '\u{2062}',
        '\u{2063}',
        '\u{2064}',
        '\u{2066}',
        '\u{2067}',
        '\u{2068}',
        '\u{2069}',
        '\u{206a}',
        '\u{206f}',
        '\u{feff}',
        '\u{180e}',
        '\u{ad}',
        '\u{34f}',
        '\u{115f}',
        '\u{1160}',
        '\u{3164}',
        '\u{ffa0}',
        '\u{17b4}',
        '\u{fff9}',
        '\u{fffb}',
        '\u{fffc}',
        '\u{fdd0}',
        '\u{ffff}',
        '\u{e000}',
        '\u{f8ff}',
        '\u{f0000}',
        '\u{10ffff}',
        '\u{e0001}',
        '\u{fe00}',
        '\u{fe0e}',
        '\u{fe0f}',
        '\u{e0100}',
        '\u{1d173}',
    ];
    let mut all: Vec<String> = marks.map(|mark| format!("pay{mark}bob")).to_vec();
    let tags: String = "forged".chars().filter_map(|c| char::from_u32(0xe0000 + u32::from(c))).collect();
    all.push(format!("plain{tags}"));
    all.push("\u{202e}degrof eht".to_owned());
    all.push("\u{2067}\u{2066}\u{202e}nested\u{2069}".to_owned());
    all.push("\u{200b}".repeat(500));
    all
}

/// What would pass for the mark before a later line, or get out from behind it: by its own line breaks, by a width that
/// terminals disagree about, by words that end where a row of the terminal ends.
fn gutters() -> Vec<String> {
    let forged = "[00:00] carol: FORGED";
    let mut all = vec![
        format!("x\n      | y\n        {forged}"),
        format!("x\n\n\n{forged}\n"),
        format!("x\n\u{301}{forged}"),
        format!("{}\n{forged}", "👩\u{200d}".repeat(60) + "👩"),
        format!("x\n{}{forged}", "❤\u{fe0f}".repeat(70)),
        "\n".repeat(900) + forged,
    ];
    all.extend((40..90).step_by(7).map(|columns| "w".repeat(columns) + " " + forged));
    all.extend((20..45).step_by(5).map(|characters| "漢".repeat(characters) + forged));
    all.extend([16, 31, 64].map(|blanks| format!("x{}{forged}", " ".repeat(blanks))));
    all
}

/// Marks on marks: they would climb over the rows above.
fn combining() -> Vec<String> {
    let marks = ['\u{301}', '\u{489}', '\u{20dd}', '\u{20e3}', '\u{1ab0}', '\u{fe20}'];
    let mut all: Vec<String> = marks.map(|mark| format!("z{}", String::from(mark).repeat(60))).to_vec();
    all.extend(marks.map(|mark| format!("{mark}at the start")));
    all.push("Z\u{337}\u{321}\u{34d}A\u{336}\u{31b}\u{356}L\u{335}\u{322}\u{347}G\u{334}\u{327}O".repeat(10));
    all
}

/// What would look like the escape of something else, or fill the screen.
fn disguises() -> Vec<String> {
    [
        "\\u{1b}[2J",
        "\\n[00:00] carol: FORGED",
        "\\\\n",
        "\\",
        "\\\u{1b}[31m",
        "^[[31m",
        "␛[31m",
        "%1b[31m",
        "\u{1b}\\u{5b}",
        "\u{ff1c}\u{ff3b}",
        "－－",
        "👩\u{200d}👩\u{200d}👧",
        "☠\u{fe0f}",
        "\u{1f3f4}\u{e0067}\u{e007f}",
    ]
    .map(String::from)
    .into_iter()
    .chain(["W".repeat(4000), "漢".repeat(1500), "\u{1b}[31m".repeat(300), " ".repeat(2000)])
    .collect()
}
