// The peer that a user would script: nodemailer's pool as its documentation shows it, one message for each reader.
// Usage: node nodemailer.js PORT SESSIONS MESSAGES LENGTH, with nodemailer in NODE_PATH. LENGTH is that of the HTML part.
"use strict";
const nodemailer = require("nodemailer");

const [port, sessions, messages, length] = process.argv.slice(2).map(Number);
const line = "<p>The coalition looks at one thing a week and says what it found.</p>\r\n";
const story = line.repeat(Math.ceil(length / line.length)).slice(0, length);

const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port,
  secure: false,
  ignoreTLS: true,
  pool: true,
  maxConnections: sessions,
  maxMessages: Infinity,
});

let begun = 0;
let sent = 0;

function send(reader) {
  const leave = `https://news.example.org/leave/${reader}`;
  const message = {
    from: { name: "Example Coalition", address: "news@example.org" },
    to: { name: `Reader ${reader}`, address: `reader${reader}@example.org` },
    subject: "The week in a few lines",
    headers: { "List-Unsubscribe": `<${leave}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" },
    text: `Hello Reader ${reader},\r\n\r\nTo leave: ${leave}\r\n`,
    html: `<p>Hello Reader ${reader},</p>\r\n${story}\r\n<p><a href="${leave}">Leave</a></p>\r\n`,
  };
  transport.sendMail(message, (error) => {
    if (error) {
      console.error(error);
      process.exit(1);
    }
    sent += 1;
    if (sent === messages) transport.close();
  });
}

transport.on("idle", () => {
  while (transport.isIdle() && begun < messages) send(begun++);
});
