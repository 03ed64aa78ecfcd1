//! Text that others wrote, before it is shown.

/// Whether a character is not what it seems: it is not seen, and yet cuts or blanks a text, or turns what follows around.
/// Whoever shows text from outside spells these out; line ends and tabs are among them.
pub fn is_deceptive(char: char) -> bool {
    let blank = matches!(char, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}');
    let turns = matches!(char, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    let marks = matches!(char, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    blank || turns || marks || char.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_deceives_and_letters_of_all_scripts_do_not() {
        let hidden = "\0\n\t\u{1b}\u{7f}\u{9b}\u{ad}\u{61c}\u{180e}\u{200b}\u{200d}\u{2028}\u{2029}\u{202e}\u{2066}\u{206a}\u{206f}\
                      \u{3164}\u{feff}\u{fff9}\u{fffb}\u{e0001}\u{e0041}\u{e007f}";
        assert_eq!(hidden.chars().find(|char| !is_deceptive(*char)), None);
        assert_eq!("plain é 漢字 שלום مرحبا 🙂\u{fe0f} \u{a0}\u{fffd}".chars().find(|char| is_deceptive(*char)), None);
    }
}
