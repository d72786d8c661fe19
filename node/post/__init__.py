"""The post of one citizen: the mailbox it serves, the letters it sends, the boxes it reads."""
