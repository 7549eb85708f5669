//! Before there is anything to come back to: the first connection, registering, logging in.

use crate::{
    common::{Cut, Proxy, TestClient, TestServer, Way, password_of},
    no_alarm,
};

fn answers(client: &mut TestClient, has_account: &str) {
    client.sees("Do you already have an account? (yes/no) ");
    client.types(has_account);
    client.sees("Username: ");
    client.types("alice");
    client.sees("Password: ");
}

#[test]
fn a_line_that_dies_before_the_first_word_is_an_error_with_a_hint() {
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    for (way, after) in [(Way::Up, 1), (Way::Down, 1), (Way::Down, 300), (Way::Down, 600)] {
        line.cuts_after(way, after, Cut::Breaks);
        let mut client = line.client(&server, "alice");
        let status = client.ends().code();
        assert!(matches!(status, Some(69 | 75 | 76)), "{status:?}");
        client.is_warned("error: ");
        assert!(line.has_cut());
    }
}

#[test]
fn a_registration_whose_answer_is_lost_is_a_login_the_next_time() {
    for (way, after) in [(Way::Down, 1), (Way::Up, 1), (Way::Up, 200)] {
        let server = TestServer::starts();
        let line = Proxy::to(&server);
        let mut client = line.client(&server, "alice");
        answers(&mut client, "no");
        line.cuts_after(way, after, Cut::Breaks);
        client.types(&password_of("alice"));
        client.sees("Start again and answer yes");
        assert_eq!(client.ends().code(), Some(75));
        client.is_warned("error: the connection to the server was lost");
        // Whether the account was made before the cut or is made now, its person does the same.
        let mut client = line.client(&server, "alice");
        answers(&mut client, "yes");
        client.types(&password_of("alice"));
        client.is_in_the_lobby();
        client.logs_out();
        let mut client = line.logs_in(&server, "alice");
        client.logs_out();
        no_alarm(&[&client]);
        assert!(server.data_file("dico.json").contains("\"alice\""));
    }
}

#[test]
fn a_registration_cut_anywhere_leaves_one_account_and_its_key_file() {
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    for (round, after) in (0_u64..1800).step_by(150).enumerate() {
        let name = format!("alice{round}");
        let way = if round % 2 == 0 { Way::Down } else { Way::Up };
        let how = if round % 3 == 0 { Cut::Ends } else { Cut::Breaks };
        let mut client = line.client(&server, &name);
        client.sees("Do you already have an account? (yes/no) ");
        client.types("no");
        client.sees("Username: ");
        client.types(&name);
        client.sees("Password: ");
        line.waits_for_open(1);
        line.cuts_after(way, after / 3 + 1, how);
        client.types(&password_of(&name));
        if client.sees_any(&["Start again and answer yes", "Account created"]) == "Account created" {
            line.cuts_no_more();
            client.is_in_the_lobby();
            client.logs_out();
        } else {
            assert_eq!(client.ends().code(), Some(75));
        }
        line.cuts_no_more();
        line.logs_in(&server, &name).logs_out();
    }
}

#[test]
fn a_login_cut_anywhere_can_simply_be_tried_again() {
    let server = TestServer::starts();
    let line = Proxy::to(&server);
    line.registers(&server, "alice").logs_out();
    for (way, after) in [(Way::Up, 1), (Way::Up, 60), (Way::Up, 120), (Way::Down, 1), (Way::Down, 20)] {
        let mut client = line.client(&server, "alice");
        answers(&mut client, "yes");
        line.waits_for_open(1);
        line.cuts_after(way, after, Cut::Breaks);
        client.types(&password_of("alice"));
        assert_eq!(client.ends().code(), Some(75));
        line.cuts_no_more();
        line.logs_in(&server, "alice").logs_out();
    }
}
